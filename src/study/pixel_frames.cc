#include "study/pixel_frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace ctclip {
namespace {

constexpr uint32_t kItem = 0xFFFEE000;
constexpr uint32_t kSequenceEnd = 0xFFFEE0DD;

[[noreturn]] void fail(std::string_view label, const std::string& what) {
  throw Error(Code::undecodable_pixels, fmt::format("The pixel data of {}: {}.", label, what));
}

/// Reads `length` bytes in steps, so that memory is only taken for bytes that are there.
std::vector<std::byte> read_growing(DicomReader& reader, uint64_t length) {
  constexpr uint64_t kStep = 1 << 20;
  std::vector<std::byte> bytes;
  while (bytes.size() < length) {
    const std::size_t begin = bytes.size();
    const auto wanted = static_cast<std::size_t>(std::min(length - begin, kStep));
    bytes.resize(begin + wanted);
    const std::size_t got = reader.read_fully(std::span(bytes).subspan(begin));
    bytes.resize(begin + got);
    if (got < wanted) break;
  }
  return bytes;
}

uint32_t little_endian_32(std::span<const std::byte> bytes, std::size_t at) {
  uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint32_t>(bytes[at + i]);
  return value;
}

/// JPEG and JPEG-LS begin with SOI and another marker, JPEG 2000 with SOC and SIZ.
bool has_start_marker(std::span<const std::byte> bytes) {
  const auto starts_with = [&](std::initializer_list<uint8_t> marker) {
    return bytes.size() >= marker.size() &&
           std::equal(marker.begin(), marker.end(), bytes.begin(),
                      [](uint8_t a, std::byte b) { return a == static_cast<uint8_t>(b); });
  };
  return starts_with({0xFF, 0xD8, 0xFF}) || starts_with({0xFF, 0x4F, 0xFF, 0x51});
}

}  // namespace

PixelFrames::PixelFrames(DicomReader& reader, const Layout& layout)
    : reader_(reader), layout_(layout) {
  if (reader_.pixels()->encapsulated) read_offset_table();
}

std::vector<std::byte> PixelFrames::read(int32_t frame) {
  std::vector<std::byte> bytes;
  if (!reader_.pixels()->encapsulated) {
    bytes = read_native(frame);
  } else {
    for (; next_frame_ <= frame; ++next_frame_) bytes = read_encapsulated();
  }
  next_frame_ = frame + 1;
  return bytes;
}

void PixelFrames::finish() { reader_.finish(); }

std::vector<std::byte> PixelFrames::read_native(int32_t frame) {
  const uint64_t size = layout_.frame_bytes;
  const uint64_t end = size * (static_cast<uint64_t>(frame) + 1);
  if (end > reader_.pixels()->length) {
    fail(layout_.label, fmt::format("expected {} bytes up to frame {}, found {}", end, frame + 1,
                                    reader_.pixels()->length));
  }
  reader_.skip(size * static_cast<uint64_t>(frame - next_frame_));
  std::vector<std::byte> bytes = read_growing(reader_, size);
  if (bytes.size() < size) {
    fail(layout_.label, fmt::format("expected {} bytes in frame {}, found {} before the file's end",
                                    size, frame + 1, bytes.size()));
  }
  return bytes;
}

std::vector<std::byte> PixelFrames::read_encapsulated() {
  if (!has_fragment_) load_fragment();
  if (!has_fragment_) {
    fail(layout_.label, fmt::format("expected {} frames, found {}", layout_.frames, next_frame_));
  }
  // A compressed frame larger than this is no frame: codecs expand noise by a few percent.
  const uint64_t most = 2 * layout_.frame_bytes + (1 << 20);
  std::vector<std::byte> frame;
  do {
    frame.insert(frame.end(), fragment_.begin(), fragment_.end());
    if (frame.size() > most) {
      fail(layout_.label,
           fmt::format("frame {} has more than {} compressed bytes", next_frame_ + 1, most));
    }
    load_fragment();
  } while (has_fragment_ && !starts_frame(offset_, fragment_));
  return frame;
}

PixelFrames::Item PixelFrames::next_item() {
  std::array<std::byte, 8> header;
  const std::size_t got = reader_.read_fully(header);
  if (got == 0) return {kSequenceEnd, 0};  // a missing delimiter at the file's end is forgiven
  if (got < header.size()) fail(layout_.label, "cut off between two fragments");
  const uint32_t tag = little_endian_32(header, 0);
  return {tag << 16 | tag >> 16, little_endian_32(header, 4)};
}

void PixelFrames::read_offset_table() {
  const Item item = next_item();
  if (item.tag != kItem) fail(layout_.label, "expected a basic offset table");
  const uint64_t entries = item.length / 4;
  if (entries != static_cast<uint64_t>(layout_.frames)) {
    reader_.skip(item.length);  // empty, or one that cannot be right
    return;
  }
  const std::vector<std::byte> table = read_growing(reader_, item.length);
  if (table.size() < item.length) fail(layout_.label, "cut off in the basic offset table");
  for (std::size_t i = 0; i < entries; ++i) offsets_.push_back(little_endian_32(table, 4 * i));
  if (!std::ranges::is_sorted(offsets_) || offsets_.front() != 0) offsets_.clear();
}

std::vector<std::byte> PixelFrames::read_fragment(uint32_t length) {
  std::vector<std::byte> bytes = read_growing(reader_, length);
  if (bytes.size() < length) {
    fail(layout_.label,
         fmt::format("a fragment of {} bytes is cut off after {}", length, bytes.size()));
  }
  return bytes;
}

void PixelFrames::load_fragment() {
  has_fragment_ = false;
  const Item item = next_item();
  if (item.tag == kSequenceEnd) return;
  if (item.tag != kItem) {
    fail(layout_.label, fmt::format("expected a fragment, found the tag {:08X}", item.tag));
  }
  const uint64_t most = 2 * layout_.frame_bytes + (1 << 20);
  if (item.length > most) {
    fail(layout_.label, fmt::format("a fragment claims {} bytes", item.length));
  }
  fragment_ = read_fragment(item.length);
  has_fragment_ = true;
  offset_ = next_offset_;
  next_offset_ += 8 + uint64_t{item.length};
}

bool PixelFrames::starts_frame(uint64_t offset, std::span<const std::byte> fragment) const {
  if (layout_.frames == 1) return false;
  if (layout_.one_fragment_each) return true;
  if (!offsets_.empty()) return std::ranges::binary_search(offsets_, offset);
  return has_start_marker(fragment);
}

}  // namespace ctclip
