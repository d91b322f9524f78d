#pragma once

#include <cstdint>
#include <vector>

#include "study/slice.h"

namespace ctclip {

/// How the bits of a pixel cell make a stored value (PS3.5 8.1.1).
struct PixelCell {
  int32_t bits_stored = 16;
  int32_t high_bit = 15;  ///< of the stored bits within the cell
  bool is_signed = false;

  bool operator==(const PixelCell&) const = default;
};

/// Cell of an image as its header says. A HighBit that cannot be is taken as BitsStored - 1.
PixelCell cell_of(const Slice& slice);

/// One decoded image: rows x columns cells of 8 or 16 bits, widened to 16, in this machine's byte
/// order.
struct RawImage {
  std::vector<uint16_t> cells;
  PixelCell cell;
};

}  // namespace ctclip
