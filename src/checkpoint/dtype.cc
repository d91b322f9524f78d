#include "checkpoint/dtype.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "base/bfloat16.h"

namespace ctclip {
namespace {

static_assert(std::endian::native == std::endian::little, "stored tensors are little-endian");

struct Info {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

/// In the order of DType.
constexpr auto kInfo = std::to_array<Info>({
    {DType::float32, "float32", 4},
    {DType::float64, "float64", 8},
    {DType::float16, "float16", 2},
    {DType::bfloat16, "bfloat16", 2},
    {DType::int64, "int64", 8},
    {DType::int32, "int32", 4},
    {DType::int16, "int16", 2},
    {DType::int8, "int8", 1},
    {DType::uint64, "uint64", 8},
    {DType::uint32, "uint32", 4},
    {DType::uint16, "uint16", 2},
    {DType::uint8, "uint8", 1},
    {DType::boolean, "bool", 1},
    {DType::complex64, "complex64", 8},
    {DType::complex128, "complex128", 16},
    {DType::float8_e4m3fn, "float8_e4m3fn", 1},
    {DType::float8_e5m2, "float8_e5m2", 1},
});

const Info& info(DType dtype) { return kInfo.at(static_cast<std::size_t>(dtype)); }

float from_half(uint16_t bits) {
  const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
  const int exponent = (bits >> 10U) & 0x1fU;
  const auto mantissa = static_cast<float>(bits & 0x3ffU);
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);  // zero and subnormal
  if (exponent < 31) return sign * std::ldexp(1024.0F + mantissa, exponent - 25);
  const uint32_t special =
      (uint32_t{bits} & 0x8000U) << 16U | 0x7f800000U | (uint32_t{bits} & 0x3ffU) << 13U;
  return std::bit_cast<float>(special);
}

/// Stored elements need not be aligned, so each is copied out.
template <typename Stored, typename Convert>
void convert_all(std::span<const std::byte> in, std::span<float> out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, in.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(value);
  }
}

template <typename Stored>
void cast_all(std::span<const std::byte> in, std::span<float> out) {
  convert_all<Stored>(in, out, [](Stored value) { return static_cast<float>(value); });
}

}  // namespace

std::string_view dtype_name(DType dtype) { return info(dtype).name; }

std::size_t dtype_size(DType dtype) { return info(dtype).size; }

std::optional<DType> dtype_of_name(std::string_view name) {
  const auto found =
      std::find_if(kInfo.begin(), kInfo.end(), [&](const Info& one) { return one.name == name; });
  if (found == kInfo.end()) return std::nullopt;
  return found->dtype;
}

bool converts_to_float32(DType dtype) { return dtype < DType::complex64; }

void convert_to_float32(DType dtype, std::span<const std::byte> in, std::span<float> out) {
  switch (dtype) {
    case DType::float32:
      if (!out.empty()) std::memcpy(out.data(), in.data(), out.size_bytes());
      return;
    case DType::float64:
      return cast_all<double>(in, out);
    case DType::float16:
      return convert_all<uint16_t>(in, out, from_half);
    case DType::bfloat16:
      return convert_all<uint16_t>(in, out, widen_bf16);
    case DType::int64:
      return cast_all<int64_t>(in, out);
    case DType::int32:
      return cast_all<int32_t>(in, out);
    case DType::int16:
      return cast_all<int16_t>(in, out);
    case DType::int8:
      return cast_all<int8_t>(in, out);
    case DType::uint64:
      return cast_all<uint64_t>(in, out);
    case DType::uint32:
      return cast_all<uint32_t>(in, out);
    case DType::uint16:
      return cast_all<uint16_t>(in, out);
    case DType::uint8:
      return cast_all<uint8_t>(in, out);
    case DType::boolean:
      return convert_all<uint8_t>(in, out, [](uint8_t value) { return value != 0 ? 1.0F : 0.0F; });
    default:
      throw std::logic_error("no conversion to float32");
  }
}

}  // namespace ctclip
