#include "server/notice.h"

#include <fmt/format.h>

namespace ctclip {
namespace {

constexpr std::size_t kLongestWarning = 500;
constexpr std::size_t kRoomForRest = 80;  // of the string that says how many did not fit

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text.substr(0, kLongestWarning)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) continue;  // the rest of a character that is a `?` already
    if (c == '"' || c == '\\') result += '\\';
    result += c >= ' ' && c <= '~' ? c : '?';
  }
  return result + (text.size() > kLongestWarning ? "...\"" : "\"");
}

}  // namespace

std::string notice_of(const std::vector<std::string>& warnings) {
  std::string list;
  for (std::size_t i = 0; i < warnings.size(); ++i) {
    const std::string next = (i > 0 ? ", " : "") + quoted(warnings[i]);
    if (list.size() + next.size() > kLongestNotice - kRoomForRest) {
      return list + fmt::format(", \"{} more; details=true has them all.\"", warnings.size() - i);
    }
    list += next;
  }
  return list;
}

}  // namespace ctclip
