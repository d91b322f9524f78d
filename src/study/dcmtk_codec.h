#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ctclip {

/// What a codec of DCMTK is told of a frame.
struct FrameShape {
  int32_t rows = 0, columns = 0;
  int32_t bits_allocated = 0, bits_stored = 0;
  bool is_signed = false;
};

/// The cells of one monochrome frame of RLE, JPEG or JPEG-LS in this machine's byte order. Throws
/// std::runtime_error if DCMTK cannot decode it, or decodes it with a warning. One warning is
/// forgiven: that of the 17-bit code with which Cornell's encoder begins a frame (see
/// begins_as_cornell).
std::vector<std::byte> decode_with_dcmtk(std::span<const std::byte> bytes,
                                         const std::string& transfer_syntax,
                                         const FrameShape& shape);

}  // namespace ctclip
