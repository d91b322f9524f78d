#pragma once

#include <string_view>

namespace ctclip {

/// Takes what stands before the next `separator`, and the separator with it; where there is none,
/// all of `text`.
std::string_view take_until(std::string_view& text, std::string_view separator);

}  // namespace ctclip
