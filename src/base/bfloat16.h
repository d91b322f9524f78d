#pragma once

#include <bit>
#include <cstdint>

namespace ctclip {

/// The upper half of a float32: 8 significant bits.
using Bfloat16 = uint16_t;

/// The nearest, ties to even.
inline Bfloat16 round_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<Bfloat16>((bits + 0x7FFF + (bits >> 16U & 1U)) >> 16U);
}

/// The same value, exactly.
inline float widen_bf16(Bfloat16 value) { return std::bit_cast<float>(uint32_t{value} << 16U); }

/// A buffer of floats as memory for twice as many of these.
inline Bfloat16* as_bf16(float* memory) { return reinterpret_cast<Bfloat16*>(memory); }

}  // namespace ctclip
