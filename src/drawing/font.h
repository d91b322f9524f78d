#pragma once

#include <cstdint>
#include <span>

namespace ctclip::drawing {

/// DejaVu Sans, a TrueType file with Latin and Cyrillic letters. Lives as long as the program.
std::span<const uint8_t> font_file();

}  // namespace ctclip::drawing
