#pragma once

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "fuzz/fuzz.h"
#include "study/codecs.h"
#include "study/codestream.h"

namespace ctclip::fuzz {

/// The first bytes of a codec's input: what the DICOM header around the codestream says.
struct ImageBytes {
  static constexpr std::size_t kBytes = 6;
  uint8_t syntax, rows, columns, bits_stored, flags, unused;
};

/// Flags: the header has 8 bits to a cell; it is signed; it tells another size than the codestream.
enum : uint8_t { kNarrow = 1, kSigned = 2, kOtherSize = 4 };

struct Size {
  uint32_t rows = 0, columns = 0;
};

/// A header of these bytes; it agrees with the codestream's own size unless it is not to.
inline Slice header_of(const ImageBytes& image, std::string_view syntax, Size own) {
  constexpr uint32_t kMost = 256;
  Slice slice;
  slice.transfer_syntax = "1.2.840.10008.1.2." + std::string(syntax);
  slice.bits_allocated = (image.flags & kNarrow) != 0 ? 8 : 16;
  slice.bits_stored = 1 + image.bits_stored % slice.bits_allocated;
  slice.high_bit = slice.bits_stored - 1;
  slice.is_signed = (image.flags & kSigned) != 0;
  const bool agrees = (image.flags & kOtherSize) == 0 && own.rows > 0 && own.columns > 0 &&
                      own.rows <= kMost && own.columns <= kMost;
  slice.rows = agrees ? static_cast<int32_t>(own.rows) : 1 + image.rows;
  slice.columns = agrees ? static_cast<int32_t>(own.columns) : 1 + image.columns;
  return slice;
}

/// Decodes a frame by the codec of one of these transfer syntaxes (without their common root), so
/// that a fuzzer need not find a whole DICOM file around the codestream.
/// `size_of`: the size that a codestream says of itself; nothing where it says none.
template <typename SizeOf>
void decode_codestream(std::span<const uint8_t> input, std::span<const std::string_view> syntaxes,
                       SizeOf size_of) {
  if (input.size() < ImageBytes::kBytes) return;
  const ImageBytes image = {input[0], input[1], input[2], input[3], input[4], input[5]};
  const auto codestream = std::as_bytes(input.subspan(ImageBytes::kBytes));
  const Slice slice =
      header_of(image, syntaxes[image.syntax % syntaxes.size()], size_of(codestream));
  may_refuse([&] {
    const RawImage raw = decode_frame(codestream, slice, "fuzz");
    const auto pixels =
        static_cast<std::size_t>(slice.rows) * static_cast<std::size_t>(slice.columns);
    const PixelCell& cell = raw.cell;
    const bool sane =
        cell.bits_stored >= 1 && cell.high_bit < 16 && cell.high_bit + 1 >= cell.bits_stored;
    if (raw.cells.size() != pixels || !sane) std::abort();
  });
}

/// Size that JPEG and JPEG-LS say in their start of frame.
inline Size jpeg_size(std::span<const std::byte> bytes) {
  const auto header = read_jpeg_header(bytes);
  return header ? Size{header->rows, header->columns} : Size{};
}

/// Size of a JPEG 2000 codestream by its SIZ segment (ITU-T T.800 A.5.1), which comes first.
inline Size jpeg2000_size(std::span<const std::byte> bytes) {
  if (bytes.size() < 24) return {};
  const auto u32 = [&](std::size_t at) {
    uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint32_t>(bytes[at + i]);
    return value;
  };
  return {u32(12) - u32(20), u32(8) - u32(16)};
}

}  // namespace ctclip::fuzz
