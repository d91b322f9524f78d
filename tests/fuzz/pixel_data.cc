// The value of PixelData under a header that is made here: frames, offset table, fragments, native
// cells. The first bytes choose the header, the rest is the element with its length.

#include <array>

#include "fuzz/dicom.h"

namespace {

using ctclip::testing::DicomBuilder;

constexpr std::size_t kHeader = 7;
constexpr auto kSyntaxes = std::to_array<const char*>(
    {"1", "5", "4.50", "4.51", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91", "4.201"});

std::string header_of(std::span<const uint8_t, kHeader> bytes) {
  ctclip::testing::CtHeader header;
  header.transfer_syntax =
      std::string("1.2.840.10008.1.2.") + kSyntaxes[bytes[0] % kSyntaxes.size()];
  header.rows = 1 + bytes[1] % 64;
  header.columns = 1 + bytes[2] % 64;
  header.bits_allocated = bytes[3] % 2 == 0 ? 16 : 8;
  header.bits_stored = 1 + bytes[4] % header.bits_allocated;
  header.high_bit = bytes[5] % 2 == 0 ? header.bits_stored - 1 : bytes[5] / 2 % 16;
  header.is_signed = bytes[3] / 2 % 2;
  const int32_t frames = 1 + bytes[6] % 8;
  if (frames > 1) header.frames = std::to_string(frames);
  DicomBuilder file = ctclip::testing::ct_header(header);
  std::string items;  // one for each frame, as an image of several must have
  for (int32_t i = 0; i < frames; ++i) items += DicomBuilder::item("");
  if (frames > 1) file.raw(0x5200, 0x9230, "SQ", items);
  return file.append(DicomBuilder::u16(0x7FE0) + DicomBuilder::u16(0x0010)).bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  if (size < kHeader) return 0;
  std::string file = header_of(std::span<const uint8_t, kHeader>(data, kHeader));
  fuzz::decode_everything(file.append(fuzz::as_text({data + kHeader, size - kHeader})));
  return 0;
}
