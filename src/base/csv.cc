#include "base/csv.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

constexpr int kEnd = std::istream::traits_type::eof();

}  // namespace

CsvReader::CsvReader(std::istream& in, std::string origin) : in_(in), origin_(std::move(origin)) {
  for (const char mark : {'\xEF', '\xBB', '\xBF'}) {
    if (in_.peek() != static_cast<unsigned char>(mark)) break;
    in_.get();
  }
}

void CsvReader::refuse(const std::string& what) const {
  throw Error(Code::bad_parameter, fmt::format("{}: line {}: {}", origin_, line_, what));
}

/// The next character as it stands.
int CsvReader::take() {
  const int c = in_.get();
  if (c == '\n') ++next_line_;
  if (++bytes_ > kMaxRecordBytes) {
    refuse(fmt::format("a record of more than {} bytes", kMaxRecordBytes));
  }
  return c;
}

/// The next character, CR LF as LF.
int CsvReader::get() {
  const int c = take();
  return c == '\r' && in_.peek() == '\n' ? take() : c;
}

void CsvReader::skip_empty_lines() {
  while (in_.peek() == '\n' || in_.peek() == '\r') {
    bytes_ = 0;
    get();
  }
}

void CsvReader::quoted(std::string& text) {
  for (;;) {
    const int c = take();
    if (c == kEnd) refuse("a quoted field has no closing quote");
    if (c == '"') {
      if (in_.peek() != '"') return;
      in_.get();
    }
    text.push_back(static_cast<char>(c));
  }
}

/// `end` becomes what ended the field: a comma, a line end or the end of the file.
std::string CsvReader::field(int& end) {
  std::string text;
  if (in_.peek() == '"') {
    get();
    quoted(text);
    end = get();
    if (end != ',' && end != '\n' && end != kEnd) refuse("text after a closing quote");
    return text;
  }
  for (end = get(); end != ',' && end != '\n' && end != kEnd; end = get()) {
    if (end == '"') refuse("a quote inside a field that does not begin with one");
    text.push_back(static_cast<char>(end));
  }
  return text;
}

bool CsvReader::next(std::vector<std::string>& fields) {
  fields.clear();
  skip_empty_lines();
  bytes_ = 0;
  line_ = next_line_;
  if (in_.peek() == kEnd) return false;
  for (int end = ','; end == ',';) fields.push_back(field(end));
  return true;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of("\",\r\n") == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result.push_back('"');
    result.push_back(c);
  }
  return result + '"';
}

}  // namespace ctclip
