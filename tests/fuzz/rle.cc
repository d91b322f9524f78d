// Frames of RLE (PS3.5 annex G).

#include <array>

#include "fuzz/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static constexpr auto kSyntaxes = std::to_array<std::string_view>({"5"});
  fuzz::decode_codestream({data, size}, kSyntaxes,
                          [](std::span<const std::byte>) { return fuzz::Size{}; });
  return 0;
}
