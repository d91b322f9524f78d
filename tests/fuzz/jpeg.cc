// Frames of JPEG: baseline, extended, progressive and lossless.

#include <array>

#include "fuzz/codec.h"
#include "study/codestream.h"

namespace {

ctclip::fuzz::Size size_of(std::span<const std::byte> bytes) {
  const auto header = ctclip::read_jpeg_header(bytes);
  return header ? ctclip::fuzz::Size{header->rows, header->columns} : ctclip::fuzz::Size{};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static constexpr auto kSyntaxes =
      std::to_array<std::string_view>({"4.50", "4.51", "4.53", "4.55", "4.57", "4.70"});
  fuzz::decode_codestream({data, size}, kSyntaxes, size_of);
  return 0;
}
