// Frames of JPEG 2000, bare or in a JP2 file.

#include <array>

#include "fuzz/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static constexpr auto kSyntaxes = std::to_array<std::string_view>({"4.90", "4.91"});
  fuzz::decode_codestream({data, size}, kSyntaxes, fuzz::jpeg2000_size);
  return 0;
}
