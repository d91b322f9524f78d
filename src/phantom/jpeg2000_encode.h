#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ctclip::phantom {

/// A lossless JPEG 2000 codestream (no file format around it, as DICOM wants) of one image, by
/// OpenJPEG. Throws Error{internal} where it refuses.
std::vector<std::byte> encode_jpeg2000(std::span<const int32_t> pixels, int64_t rows,
                                       int64_t columns, int bits, bool is_signed);

}  // namespace ctclip::phantom
