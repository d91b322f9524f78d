// Frames of JPEG-LS, lossless and near-lossless.

#include <array>

#include "fuzz/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static constexpr auto kSyntaxes = std::to_array<std::string_view>({"4.80", "4.81"});
  fuzz::decode_codestream({data, size}, kSyntaxes, fuzz::jpeg_size);
  return 0;
}
