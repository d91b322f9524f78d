#include "base/uid.h"

namespace ctclip {

std::string uid_of(std::string_view text) {
  constexpr std::string_view kPadding(" \0", 2);
  constexpr std::size_t kLongest = 64;
  const std::size_t first = text.find_first_not_of(kPadding);
  if (first == std::string_view::npos) return {};
  text = text.substr(first, text.find_last_not_of(kPadding) - first + 1);
  const bool is_uid = text.size() <= kLongest && text.front() != '.' && text.back() != '.' &&
                      text.find("..") == std::string_view::npos &&
                      text.find_first_not_of("0123456789.") == std::string_view::npos;
  return std::string(is_uid ? text : std::string_view());
}

}  // namespace ctclip
