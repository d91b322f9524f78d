#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "study/codecs.h"
#include "study/dicom_reader.h"
#include "study/hu_table.h"
#include "study/pixel_frames.h"
#include "study/raw_image.h"
#include "study/slice.h"

namespace ctclip {
namespace {

static_assert(std::endian::native == std::endian::little);

[[noreturn]] void fail(const std::string& label, const std::string& what) {
  throw Error(Code::undecodable_pixels, fmt::format("The pixel data of {}: {}.", label, what));
}

void require_decodable(const Slice& slice, const std::string& label, const Limits& limits) {
  if (!slice.defect.empty()) fail(label, slice.defect);
  if (slice.rows > limits.max_matrix || slice.columns > limits.max_matrix) {
    throw Error(
        Code::image_too_large,
        fmt::format("In {}, the image has {} x {} pixels; at most {} x {} are allowed.", label,
                    slice.rows, slice.columns, limits.max_matrix, limits.max_matrix));
  }
}

/// A functional group of one frame may hold another matrix, though no standard lets it; buffers are
/// of the first frame's size.
void require_alike(const Slice& slice, const Slice& first, const std::string& label) {
  if (slice.rows == first.rows && slice.columns == first.columns &&
      slice.bits_allocated == first.bits_allocated) {
    return;
  }
  fail(label,
       fmt::format("frames {} and {} are not of the same size", first.frame + 1, slice.frame + 1));
}

std::size_t pixel_count(const Slice& slice) {
  return static_cast<std::size_t>(slice.rows) * static_cast<std::size_t>(slice.columns);
}

/// Big endian cells of 16 bits, and words of two cells of 8 bits, are swapped in pairs.
RawImage read_native(std::span<const std::byte> bytes, const Slice& slice,
                     const PixelElement& element) {
  RawImage image;
  image.cell = cell_of(slice);
  image.cells.resize(pixel_count(slice));
  if (slice.bits_allocated == 16) {
    if (!bytes.empty()) std::memcpy(image.cells.data(), bytes.data(), bytes.size());
    if (element.big_endian) {
      for (uint16_t& cell : image.cells) cell = static_cast<uint16_t>(cell << 8 | cell >> 8);
    }
    return image;
  }
  const bool swapped = element.big_endian && element.words;
  for (std::size_t i = 0; i < image.cells.size(); ++i) {
    const std::size_t at = swapped && (i ^ 1) < bytes.size() ? i ^ 1 : i;
    image.cells[i] = static_cast<uint16_t>(bytes[at]);
  }
  return image;
}

/// The frames asked for, in the order of the file.
std::vector<std::pair<int32_t, std::size_t>> order_of_frames(std::span<const Slice* const> slices) {
  std::vector<std::pair<int32_t, std::size_t>> order;
  for (std::size_t i = 0; i < slices.size(); ++i) order.emplace_back(slices[i]->frame, i);
  std::ranges::sort(order);
  return order;
}

void require_pixels(const DicomReader& reader, const Slice& slice, const std::string& label) {
  if (!reader.is_dicom() || !reader.problem().empty() || !reader.pixels()) {
    fail(label, "not there any more");
  }
  if (reader.pixels()->encapsulated != is_compressed(slice.transfer_syntax)) {
    fail(label, fmt::format("the transfer syntax {} is not supported, or the pixel data are not "
                            "encoded by it",
                            slice.transfer_syntax));
  }
}

}  // namespace

void decode(const Source& source, std::span<const Slice* const> slices, const Limits& limits,
            const TakeImage& take) {
  if (slices.empty()) return;
  const Slice& first = *slices.front();
  const std::string label = source.label(first.file);
  for (const Slice* slice : slices) {
    require_decodable(*slice, label, limits);
    require_alike(*slice, first, label);
  }
  const auto order = order_of_frames(slices);

  const std::unique_ptr<ByteStream> stream = source.open(first.file);
  DicomReader reader(*stream, limits.header_bytes);
  require_pixels(reader, first, label);
  const PixelElement element = *reader.pixels();
  const auto cell_bytes = static_cast<std::size_t>(first.bits_allocated / 8);
  PixelFrames frames(reader, {pixel_count(first) * cell_bytes, first.frames,
                              is_run_length(first.transfer_syntax), label});
  HuTable table;
  std::vector<float> hu(pixel_count(first));
  RawImage image;
  int32_t decoded = -1;
  for (const auto& [frame, index] : order) {
    const Slice& slice = *slices[index];
    if (frame != decoded) {
      const std::vector<std::byte> bytes = frames.read(frame);
      image = element.encapsulated ? decode_frame(bytes, slice, label)
                                   : read_native(bytes, slice, element);
      decoded = frame;
    }
    table.prepare(image.cell, slice);
    table.look_up(image.cells, hu);
    take(index, hu);
  }
  if (order.back().first + 1 == first.frames) frames.finish();
}

}  // namespace ctclip
