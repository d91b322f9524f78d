// docs/errors.md and docs/openapi.json say what the program does: their lists are that of
// base/error.cc.

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "server/language.h"
#include "server/openapi.h"
#include "server/status.h"
#include "testing.h"

namespace ctclip {
namespace {

using nlohmann::literals::operator""_json_pointer;

std::string table_of_the_program() {
  std::string table;
  for (const CodeInfo& one : all_codes()) {
    const Status status = status_of(one.code);
    table += fmt::format("| `{}` | {} | {} | {} | {} |\n", one.name, status.http, status.exit,
                         one.meaning, russian_sentence(one.code).text);
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

TEST(ErrorDocs, TheDescriptionOfTheApiNamesThem) {
  const auto api = nlohmann::json::parse(openapi_json());
  std::vector<std::string> names;
  for (const CodeInfo& one : all_codes()) names.emplace_back(one.name);
  EXPECT_EQ(api.at("/components/schemas/ErrorCode/enum"_json_pointer), names);
}

}  // namespace
}  // namespace ctclip
