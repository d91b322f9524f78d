#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace ctclip {

/// Lower-case hexadecimal, two digits for each byte.
std::string hex(std::span<const uint8_t> bytes);

}  // namespace ctclip
