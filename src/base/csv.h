#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace ctclip {

/// Records of a comma-separated file by RFC 4180: a field may be quoted, "" is a quote inside
/// quotes, quoted fields may hold commas and line ends. LF and CR LF both end a record; a UTF-8
/// byte order mark and wholly empty lines are skipped. Holds one record at a time.
class CsvReader {
 public:
  /// `origin` names the file in errors.
  CsvReader(std::istream& in, std::string origin);

  /// False at the end. Throws Error{bad_parameter}: the line, what was expected, what was found.
  bool next(std::vector<std::string>& fields);
  /// Line on which the last record began, from 1.
  std::size_t line() const { return line_; }

 private:
  /// A record of a sane table is far shorter; one without an end must not fill the memory.
  static constexpr std::size_t kMaxRecordBytes = 16U << 20U;

  [[noreturn]] void refuse(const std::string& what) const;
  int take();
  int get();
  std::string field(int& end);
  void quoted(std::string& text);
  void skip_empty_lines();

  std::istream& in_;
  std::string origin_;
  std::size_t line_ = 0, next_line_ = 1, bytes_ = 0;
};

/// A field as it is to be written: quoted where it has to be.
std::string csv_field(std::string_view text);

}  // namespace ctclip
