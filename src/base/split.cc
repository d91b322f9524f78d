#include "base/split.h"

#include <algorithm>

namespace ctclip {

std::string_view take_until(std::string_view& text, std::string_view separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + separator.size(), text.size()));
  return part;
}

}  // namespace ctclip
