#include "study/codecs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "base/error.h"
#include "study/codestream.h"
#include "study/dcmtk_codec.h"
#include "study/jpeg2000.h"

namespace ctclip {
namespace {

enum class Codec { none, run_length, jpeg, jpeg_ls, jpeg2000 };

/// Transfer syntaxes of PS3.6 A.4, without their root 1.2.840.10008.1.2.
Codec codec_of(std::string_view transfer_syntax) {
  constexpr std::string_view kRoot = "1.2.840.10008.1.2.";
  if (!transfer_syntax.starts_with(kRoot)) return Codec::none;
  const std::string_view leaf = transfer_syntax.substr(kRoot.size());
  const auto is_in = [&](auto leaves) { return std::ranges::find(leaves, leaf) != leaves.end(); };
  using std::string_view_literals::operator""sv;
  if (leaf == "5") return Codec::run_length;
  // baseline, extended, spectral selection, progression, lossless twice
  if (is_in(std::array{"4.50"sv, "4.51"sv, "4.53"sv, "4.55"sv, "4.57"sv, "4.70"sv})) {
    return Codec::jpeg;
  }
  if (is_in(std::array{"4.80"sv, "4.81"sv})) return Codec::jpeg_ls;
  // JPEG 2000 lossless and not, HTJ2K lossless, lossless RPCL and not
  if (is_in(std::array{"4.90"sv, "4.91"sv, "4.201"sv, "4.202"sv, "4.203"sv})) {
    return Codec::jpeg2000;
  }
  return Codec::none;
}

/// The cell of a codestream of `precision` bits under this header.
PixelCell cell_of_codestream(const Slice& slice, int32_t precision) {
  if (precision == slice.bits_allocated) return cell_of(slice);
  const int32_t bits = std::min(precision, slice.bits_stored);
  return {bits, bits - 1, slice.is_signed};
}

std::vector<uint16_t> widen(std::span<const std::byte> cells, int32_t bits_allocated) {
  std::vector<uint16_t> wide(cells.size() / static_cast<std::size_t>(bits_allocated / 8));
  if (bits_allocated == 16) {
    if (!wide.empty()) std::memcpy(wide.data(), cells.data(), 2 * wide.size());
  } else {
    std::ranges::transform(cells, wide.begin(),
                           [](std::byte b) { return static_cast<uint16_t>(b); });
  }
  return wide;
}

RawImage run_dcmtk(std::span<const std::byte> bytes, const Slice& slice, const FrameShape& shape,
                   const PixelCell& cell) {
  return {widen(decode_with_dcmtk(bytes, slice.transfer_syntax, shape), shape.bits_allocated),
          cell};
}

RawImage decode_run_length(std::span<const std::byte> bytes, const Slice& slice) {
  const uint64_t pixels = static_cast<uint64_t>(slice.rows) * static_cast<uint64_t>(slice.columns);
  if (!has_rle_segments(bytes, static_cast<uint32_t>(slice.bits_allocated / 8), pixels)) {
    throw std::runtime_error("no RLE header whose segments hold just the image");
  }
  return run_dcmtk(
      bytes, slice,
      {slice.rows, slice.columns, slice.bits_allocated, slice.bits_stored, slice.is_signed},
      cell_of(slice));
}

RawImage decode_jpeg(std::span<const std::byte> bytes, const Slice& slice, bool is_jpeg_ls) {
  const auto header = read_jpeg_header(bytes);
  if (!header) throw std::runtime_error("no JPEG header");
  if (header->is_jpeg_ls != is_jpeg_ls) {
    throw std::runtime_error(is_jpeg_ls ? "expected a JPEG-LS stream, found one of JPEG"
                                        : "expected a JPEG stream, found one of JPEG-LS");
  }
  if (header->rows != static_cast<uint32_t>(slice.rows) ||
      header->columns != static_cast<uint32_t>(slice.columns) || header->components != 1) {
    throw std::runtime_error(
        fmt::format("expected {} x {} pixels of 1 component, found a JPEG stream of {} x {} of {}",
                    slice.rows, slice.columns, header->rows, header->columns, header->components));
  }
  if (header->precision < 2 || header->precision > 16) {
    throw std::runtime_error(fmt::format("a JPEG stream of {} bits", header->precision));
  }
  if (!ends_image(bytes)) throw std::runtime_error("cut off, or followed by something else");
  const int32_t bits_allocated = header->precision <= 8 ? 8 : 16;
  return run_dcmtk(bytes, slice,
                   {slice.rows, slice.columns, bits_allocated, header->precision, slice.is_signed},
                   cell_of_codestream(slice, header->precision));
}

/// A signed codestream holds the values themselves, whatever the header says; an unsigned one under
/// a signed header holds their bits.
RawImage decode_2000(std::span<const std::byte> bytes, const Slice& slice) {
  if (!ends_image(bytes)) throw std::runtime_error("cut off, or followed by something else");
  const Jpeg2000Image image = decode_jpeg2000(bytes, slice.rows, slice.columns);
  RawImage raw;
  raw.cell = image.is_signed ? PixelCell{image.precision, image.precision - 1, true}
                             : cell_of_codestream(slice, image.precision);
  raw.cells.resize(image.values.size());
  std::ranges::transform(image.values, raw.cells.begin(),
                         [](int32_t value) { return static_cast<uint16_t>(value); });
  return raw;
}

}  // namespace

bool is_compressed(const std::string& transfer_syntax) {
  return codec_of(transfer_syntax) != Codec::none;
}

bool is_run_length(const std::string& transfer_syntax) {
  return codec_of(transfer_syntax) == Codec::run_length;
}

RawImage decode_frame(std::span<const std::byte> bytes, const Slice& slice,
                      const std::string& label) {
  try {
    switch (codec_of(slice.transfer_syntax)) {
      case Codec::run_length:
        return decode_run_length(bytes, slice);
      case Codec::jpeg:
        return decode_jpeg(bytes, slice, false);
      case Codec::jpeg_ls:
        return decode_jpeg(bytes, slice, true);
      case Codec::jpeg2000:
        return decode_2000(bytes, slice);
      case Codec::none:
        break;
    }
    throw std::runtime_error(
        fmt::format("the transfer syntax {} is not supported", slice.transfer_syntax));
  } catch (const std::runtime_error& error) {
    throw Error(Code::undecodable_pixels, fmt::format("The pixel data of {}, frame {}: {}.", label,
                                                      slice.frame + 1, error.what()));
  }
}

}  // namespace ctclip
