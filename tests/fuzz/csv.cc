// Comma-separated tables. What was read, written again, is read as the same.

#include "base/csv.h"

#include <sstream>

#include "fuzz/fuzz.h"

namespace {

using Record = std::vector<std::string>;

std::vector<Record> records_of(const std::string& text) {
  std::istringstream stream(text);
  ctclip::CsvReader reader(stream, "fuzz");
  std::vector<Record> records;
  for (Record fields; reader.next(fields);) records.push_back(fields);
  return records;
}

std::string written(const std::vector<Record>& records) {
  std::string text = "\xEF\xBB\xBF";  // so that one which belongs to the first field stays there
  for (const Record& record : records) {
    // A record of one empty field is an empty line, which is skipped, unless it is quoted.
    const bool blank = record.size() == 1 && record[0].empty();
    for (std::size_t i = 0; i < record.size(); ++i) {
      text += (i > 0 ? "," : "") + (blank ? "\"\"" : ctclip::csv_field(record[i]));
    }
    text += "\n";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  fuzz::may_refuse([&] {
    const auto records = records_of(std::string(fuzz::as_text({data, size})));
    std::vector<Record> again;
    try {
      again = records_of(written(records));
    } catch (const Error&) {
      std::abort();
    }
    if (again != records) std::abort();
  });
  return 0;
}
