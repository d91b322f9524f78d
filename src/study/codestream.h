#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ctclip {

/// What a compressed image says of itself.
struct CodestreamHeader {
  uint32_t rows = 0, columns = 0, components = 0;
  int32_t precision = 0;
};

/// The start-of-frame segment of JPEG (ITU-T T.81 B.2.2) or JPEG-LS (T.87 C.2.2); nothing where
/// there is none before the first scan.
std::optional<CodestreamHeader> read_jpeg_header(std::span<const std::byte> bytes);

/// Whether the header of an RLE frame (PS3.5 G.5) names at least so many segments, one behind the
/// other and all of them within `bytes`. DCMTK reads wherever the header says.
bool has_rle_segments(std::span<const std::byte> bytes, uint32_t at_least);

}  // namespace ctclip
