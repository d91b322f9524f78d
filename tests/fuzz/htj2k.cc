// Frames of High-Throughput JPEG 2000.

#include <array>

#include "fuzz/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static constexpr auto kSyntaxes = std::to_array<std::string_view>({"4.201", "4.202", "4.203"});
  fuzz::decode_codestream({data, size}, kSyntaxes, fuzz::jpeg2000_size);
  return 0;
}
