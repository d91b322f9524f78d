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
  bool is_jpeg_ls = false;
};

/// The start-of-frame segment of JPEG (ITU-T T.81 B.2.2) or JPEG-LS (T.87 C.2.2); nothing where
/// there is none before the first scan, or a marker that no frame's header has: a reserved one,
/// EOI, or TEM, at which DCMTK's own search for this segment stands still forever.
std::optional<CodestreamHeader> read_jpeg_header(std::span<const std::byte> bytes);

/// How many tiles the SIZ segment (ITU-T T.800 A.5.1) of a JPEG 2000 codestream makes, bare or in a
/// JP2 file (annex I); nothing where there is none. OpenJPEG takes 6 kB for each at once.
std::optional<uint64_t> jpeg2000_tiles(std::span<const std::byte> bytes);

/// Whether a stream of JPEG, JPEG-LS or JPEG 2000 ends with EOI (EOC, the same marker), but for
/// padding: a stream that was cut, or exchanged for part of another, does not. Padding is zeros, or
/// one byte of any value: DCMTK's JPEG-LS encoder pads with what its memory held.
bool ends_image(std::span<const std::byte> bytes);

/// Whether the entropy-coded data of a lossless JPEG begin with 16 one-bits, which are no code of
/// any table (ITU-T T.81 C.2). The first pixel of a 16-bit image is coded as its difference from
/// 32768; for the value 0, Cornell's encoder wrote a code of 17 bits.
bool begins_as_cornell(std::span<const std::byte> bytes);

/// Whether an RLE frame (PS3.5 G) has just so many segments, one behind the other, all of them
/// within `bytes`, and each holds just `pixels` bytes. DCMTK reads wherever the header says, and
/// fills up what is not there.
bool has_rle_segments(std::span<const std::byte> bytes, uint32_t count, uint64_t pixels);

}  // namespace ctclip
