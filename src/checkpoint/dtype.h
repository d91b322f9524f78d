#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace ctclip {

/// Element types of stored tensors.
enum class DType {
  float32,
  float64,
  float16,
  bfloat16,
  int64,
  int32,
  int16,
  int8,
  uint64,
  uint32,
  uint16,
  uint8,
  boolean,
  complex64,
  complex128,
  float8_e4m3fn,
  float8_e5m2,
};

/// PyTorch's name: "float32", "bool".
std::string_view dtype_name(DType dtype);
/// Bytes of an element.
std::size_t dtype_size(DType dtype);
std::optional<DType> dtype_of_name(std::string_view name);
/// False for complex and 8-bit floating numbers, which no model here has.
bool converts_to_float32(DType dtype);
/// Little-endian elements to float32; `in` holds out.size() of them. float16 and bfloat16 are
/// exact, wider types are rounded to nearest.
void convert_to_float32(DType dtype, std::span<const std::byte> in, std::span<float> out);

}  // namespace ctclip
