#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctclip::lightgbm {

/// Throws Error{bad_model} "origin: what".
[[noreturn]] void refuse(const std::string& origin, const std::string& what);

/// Lines of a text with LF or CR LF ends, one at a time, as views into it.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  /// The next line without its end, not taken yet; nothing at the end of the text.
  std::optional<std::string_view> peek() const;
  void skip();

 private:
  std::string_view rest_;
};

/// The items of a list that single blanks separate ("a  b" has an empty one in between).
std::vector<std::string_view> split_names(std::string_view list);

/// The key=value lines of one block: the header or a tree. Values are views into the text.
/// Everything that is asked for and absent, malformed, out of range or of another length throws
/// Error{bad_model}: the origin, the block, the key, what was expected and what was found. Numbers
/// are read without regard to the locale; reals may be "inf", "-inf" or "nan" in any case.
class Fields {
 public:
  /// Takes the lines up to the end of the block: an empty line, or one that begins another block.
  /// A key that comes twice is refused. A line without "=" is a key with an empty value.
  Fields(Lines& lines, std::string origin, std::string block);

  bool contains(std::string_view key) const { return values_.contains(key); }
  std::string_view text(std::string_view key) const;
  int32_t integer(std::string_view key, int32_t min, int32_t max) const;
  std::vector<double> reals(std::string_view key, std::size_t count) const;
  std::vector<int32_t> integers(std::string_view key, std::size_t count,
                                int32_t min = std::numeric_limits<int32_t>::min(),
                                int32_t max = std::numeric_limits<int32_t>::max()) const;
  std::vector<uint32_t> words(std::string_view key, std::size_t count) const;

  [[noreturn]] void refuse(const std::string& what) const;

 private:
  template <typename T>
  std::vector<T> list(std::string_view key, std::size_t count) const;

  std::string origin_, block_;
  std::map<std::string_view, std::string_view> values_;
};

/// A number that is the whole of `text`. A leading plus sign is taken, as C's readers do.
template <typename T>
std::optional<T> parse_number(std::string_view text);

}  // namespace ctclip::lightgbm
