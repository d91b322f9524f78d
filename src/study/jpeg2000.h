#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ctclip {

/// A decoded greyscale JPEG 2000 image.
struct Jpeg2000Image {
  std::vector<int32_t> values;  ///< rows x columns
  int32_t precision = 0;
  bool is_signed = false;
};

/// Decodes a JPEG 2000 or HTJ2K codestream, bare or in a JP2 file, of exactly this size; the size
/// is checked before anything is allocated by it. Throws std::runtime_error saying what was found.
Jpeg2000Image decode_jpeg2000(std::span<const std::byte> bytes, int32_t rows, int32_t columns);

}  // namespace ctclip
