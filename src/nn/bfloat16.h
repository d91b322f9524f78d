#pragma once

#include <bit>
#include <cstdint>

namespace ctclip::nn {

/// The upper half of a float32: 8 significant bits.
using Bfloat16 = uint16_t;

/// The nearest, ties to even.
inline Bfloat16 round_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<Bfloat16>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// A buffer of floats as memory for twice as many of these.
inline Bfloat16* as_bf16(float* memory) { return reinterpret_cast<Bfloat16*>(memory); }

}  // namespace ctclip::nn
