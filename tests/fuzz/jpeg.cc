// Frames of JPEG: baseline, extended, progressive and lossless.

#include <array>

#include "fuzz/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static constexpr auto kSyntaxes =
      std::to_array<std::string_view>({"4.50", "4.51", "4.53", "4.55", "4.57", "4.70"});
  fuzz::decode_codestream({data, size}, kSyntaxes, fuzz::jpeg_size);
  return 0;
}
