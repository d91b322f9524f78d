#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctclip {

/// The warnings of an answer whose fields are fixed.
constexpr std::string_view kNoticeHeader = "X-CTCLIP-Notice";
/// Bytes of its value; proxies give all headers of an answer 4 or 8 KiB.
constexpr std::size_t kLongestNotice = 2000;

/// Warnings as a List of Strings (RFC 8941, 3.1 and 3.3.3): printable ASCII in double quotes, `"`
/// and `\` after a backslash. Whatever else is in a warning becomes `?`, so that no text can end
/// the header. A warning of more than 500 bytes is cut; the last string says how many did not fit.
std::string notice_of(const std::vector<std::string>& warnings);

}  // namespace ctclip
