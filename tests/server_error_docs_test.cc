// docs/errors.md says what the program does: its table is the list of base/error.cc.

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "base/error.h"
#include "server/status.h"
#include "testing.h"

namespace ctclip {
namespace {

std::string table_of_the_program() {
  std::string table;
  for (const CodeInfo& one : all_codes()) {
    const Status status = status_of(one.code);
    table +=
        fmt::format("| `{}` | {} | {} | {} |\n", one.name, status.http, status.exit, one.meaning);
  }
  return table;
}

std::string table_of_the_page() {
  std::ifstream page(std::string(CTCLIP_SOURCE_DIR) + "/docs/errors.md");
  std::string table;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `")) table += line + '\n';
  }
  return table;
}

TEST(ErrorDocs, TheTableIsTheListOfTheProgram) {
  EXPECT_EQ(table_of_the_page(), table_of_the_program());
}

}  // namespace
}  // namespace ctclip
