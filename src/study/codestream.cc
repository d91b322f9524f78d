#include "study/codestream.h"

namespace ctclip {
namespace {

constexpr uint32_t kStartOfScan = 0xDA;
constexpr uint32_t kJpegLsFrame = 0xF7;

/// SOF0 to SOF15 but DHT, JPG and DAC, which share their range.
bool is_start_of_frame(uint32_t marker) {
  if (marker == kJpegLsFrame) return true;
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

bool has_no_length(uint32_t marker) { return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8); }

}  // namespace

std::optional<CodestreamHeader> read_jpeg_header(std::span<const std::byte> bytes) {
  const auto u8 = [&](std::size_t at) { return static_cast<uint32_t>(bytes[at]); };
  const auto u16 = [&](std::size_t at) { return u8(at) << 8 | u8(at + 1); };
  std::size_t at = 0;
  while (at + 4 <= bytes.size()) {
    const uint32_t marker = u8(at + 1);
    if (u8(at) != 0xFF || marker == kStartOfScan) return {};
    if (marker == 0xFF) {  // fill byte
      ++at;
    } else if (has_no_length(marker)) {
      at += 2;
    } else if (is_start_of_frame(marker)) {
      if (at + 10 > bytes.size()) return {};
      return CodestreamHeader{u16(at + 5), u16(at + 7), u8(at + 9),
                              static_cast<int32_t>(u8(at + 4))};
    } else {
      at += 2 + u16(at + 2);
    }
  }
  return {};
}

bool has_rle_segments(std::span<const std::byte> bytes, uint32_t at_least) {
  constexpr std::size_t kHeader = 64;  // the number of segments, and where each of 15 begins
  if (bytes.size() <= kHeader) return false;
  const auto u32 = [&](std::size_t index) {
    uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
      value = value << 8 | static_cast<uint32_t>(bytes[4 * index + i]);
    return value;
  };
  const uint32_t segments = u32(0);
  if (segments < at_least || segments > 15) return false;
  for (std::size_t i = 1; i <= segments; ++i) {
    if (u32(i) < (i == 1 ? kHeader : u32(i - 1) + uint64_t{1}) || u32(i) >= bytes.size())
      return false;
  }
  return true;
}

}  // namespace ctclip
