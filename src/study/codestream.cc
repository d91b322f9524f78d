#include "study/codestream.h"

#include <algorithm>

namespace ctclip {
namespace {

constexpr uint32_t kEndOfImage = 0xD9;
constexpr uint32_t kStartOfScan = 0xDA;
constexpr uint32_t kJpegLsFrame = 0xF7;

/// SOF0 to SOF15 but DHT, JPG and DAC, which share their range.
bool is_start_of_frame(uint32_t marker) {
  if (marker == kJpegLsFrame) return true;
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

uint64_t big_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t width) {
  uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

/// The codestream itself, or what is in the first box jp2c of a JP2 file.
std::span<const std::byte> jpeg2000_codestream(std::span<const std::byte> bytes) {
  constexpr uint64_t kSignature = 0x6A502020, kCodestream = 0x6A703263;  // "jP  ", "jp2c"
  if (bytes.size() < 8 || big_endian(bytes, 4, 4) != kSignature) return bytes;
  while (bytes.size() >= 16) {
    uint64_t length = big_endian(bytes, 0, 4), header = 8;
    if (length == 0) length = bytes.size();  // the last box
    if (length == 1) length = big_endian(bytes, 8, 8), header = 16;
    if (big_endian(bytes, 4, 4) == kCodestream) return bytes.subspan(header);
    if (length < header || length > bytes.size()) break;
    bytes = bytes.subspan(length);
  }
  return {};
}

/// Runs and literals (PS3.5 G.3.2) of just `pixels` bytes. What follows is padding: zeros, or the
/// code 128, which stands for nothing.
bool is_rle_segment(std::span<const std::byte> segment, uint64_t pixels) {
  std::size_t at = 0;
  while (pixels > 0 && at < segment.size()) {
    const auto code = static_cast<uint32_t>(segment[at]);
    const uint32_t written = code == 128 ? 0 : code < 128 ? code + 1 : 257 - code;
    if (written > pixels) return false;
    pixels -= written;
    at += code == 128 ? 1 : code < 128 ? code + 2 : 2;
  }
  if (pixels > 0 || at > segment.size()) return false;
  return std::ranges::all_of(segment.subspan(at), [](std::byte byte) {
    return byte == std::byte{0} || byte == std::byte{128};
  });
}

bool has_no_length(uint32_t marker) { return marker >= 0xD0 && marker <= 0xD8; }  // RST, SOI

// Of the tables and miscellaneous markers of T.81 B.1.1.3, those that may precede a frame.
bool may_precede_frame(uint32_t marker) {
  return marker >= 0xC0 && marker != kEndOfImage && marker != kStartOfScan;
}

}  // namespace

std::optional<CodestreamHeader> read_jpeg_header(std::span<const std::byte> bytes) {
  const auto u8 = [&](std::size_t at) { return static_cast<uint32_t>(bytes[at]); };
  const auto u16 = [&](std::size_t at) { return static_cast<uint32_t>(big_endian(bytes, at, 2)); };
  std::size_t at = 0;
  while (at + 4 <= bytes.size()) {
    const uint32_t marker = u8(at + 1);
    if (u8(at) != 0xFF || !may_precede_frame(marker)) return {};
    if (marker == 0xFF) {  // fill byte
      ++at;
    } else if (has_no_length(marker)) {
      at += 2;
    } else if (is_start_of_frame(marker)) {
      if (at + 10 > bytes.size()) return {};
      return CodestreamHeader{u16(at + 5), u16(at + 7), u8(at + 9),
                              static_cast<int32_t>(u8(at + 4)), marker == kJpegLsFrame};
    } else {
      at += 2 + u16(at + 2);
    }
  }
  return {};
}

std::optional<uint64_t> jpeg2000_tiles(std::span<const std::byte> bytes) {
  constexpr std::size_t kThrough = 40;  // SOC, and SIZ as far as its tiles
  const auto stream = jpeg2000_codestream(bytes);
  if (stream.size() < kThrough || big_endian(stream, 0, 4) != 0xFF4FFF51) return {};
  const auto tiles = [&](std::size_t size_at) -> uint64_t {
    const uint64_t end = big_endian(stream, size_at, 4), step = big_endian(stream, size_at + 16, 4),
                   begin = big_endian(stream, size_at + 24, 4);
    return step == 0 || end <= begin ? 0 : (end - begin + step - 1) / step;
  };
  return tiles(8) * tiles(12);
}

bool ends_image(std::span<const std::byte> bytes) {
  const auto ends_here = [&] {
    return bytes.size() >= 2 && big_endian(bytes, bytes.size() - 2, 2) == (0xFF00 | kEndOfImage);
  };
  const auto drop_one = [&] { bytes = bytes.first(bytes.size() - 1); };
  while (!bytes.empty() && bytes.back() == std::byte{0}) drop_one();
  if (ends_here() || bytes.empty()) return !bytes.empty();
  drop_one();
  return ends_here();
}

bool begins_as_cornell(std::span<const std::byte> bytes) {
  std::size_t at = 2;  // behind SOI
  while (at + 4 <= bytes.size() && bytes[at] == std::byte{0xFF}) {
    const uint64_t marker = big_endian(bytes, at + 1, 1);
    at += 2 + big_endian(bytes, at + 2, 2);
    if (marker != kStartOfScan) continue;
    return at + 4 <= bytes.size() && big_endian(bytes, at, 4) == 0xFF00FF00;
  }
  return false;
}

bool has_rle_segments(std::span<const std::byte> bytes, uint32_t count, uint64_t pixels) {
  constexpr std::size_t kHeader = 64;  // the number of segments, and where each of 15 begins
  if (bytes.size() <= kHeader) return false;
  const auto u32 = [&](std::size_t index) {
    uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
      value = value << 8 | static_cast<uint32_t>(bytes[4 * index + i]);
    return value;
  };
  if (u32(0) != count || count > 15 || u32(1) != kHeader) return false;
  for (std::size_t i = 1; i <= count; ++i) {
    const uint64_t begin = u32(i), end = i < count ? u32(i + 1) : bytes.size();
    if (begin >= end || end > bytes.size()) return false;
    if (!is_rle_segment(bytes.subspan(begin, end - begin), pixels)) return false;
  }
  return true;
}

}  // namespace ctclip
