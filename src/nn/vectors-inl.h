// What kernels do with vectors of float32, for Highway: compiled once for each instruction set.

#if defined(CTCLIP_NN_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CTCLIP_NN_VECTORS_INL_H
#undef CTCLIP_NN_VECTORS_INL_H
#else
#define CTCLIP_NN_VECTORS_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace ctclip::nn::HWY_NAMESPACE {

// The first `count` values and zeros behind them; nothing behind them is read. Highway's MaskedLoad
// reads a whole, aligned vector where the processor has no such instruction.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V load_first(D d, const float* x, int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
  const auto there =
      static_cast<std::size_t>(std::clamp<int64_t>(count, 0, static_cast<int64_t>(hn::Lanes(d))));
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, there), d, x);
#else
  HWY_ALIGN float part[hn::MaxLanes(D())] = {};
  std::copy_n(x, there, part);
  return hn::Load(d, part);
#endif
}

// Rows of sums, two or three vectors each, that stay in registers beside what is multiplied:
// AVX-512 has 32 of them.
constexpr int kSumRows = HWY_TARGET <= HWY_AVX3 ? 8 : 4;

// sums += a b, a (kRows, count) given by its values, kVectors vectors of columns of b (count,
// stride).
template <class D, class V, int kRows, int kVectors, class Left>
HWY_INLINE void add_products(D d, const Left& a, const float* b, int64_t count, int64_t stride,
                             V (&sums)[kRows][kVectors]) {
  namespace hn = hwy::HWY_NAMESPACE;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  for (int64_t k = 0; k < count; ++k, b += stride) {
    V right[kVectors];
    for (int j = 0; j < kVectors; ++j) right[j] = hn::LoadU(d, b + j * kLanes);
    for (int i = 0; i < kRows; ++i) {
      const V left = hn::Set(d, a(i, k));
      for (int j = 0; j < kVectors; ++j) sums[i][j] = hn::MulAdd(left, right[j], sums[i][j]);
    }
  }
}

// Added to a value below 2^22 it rounds to the nearest whole number, which is then in the low bits.
constexpr float kRounder = 0x1.8p23F;

// 2^(whole + r), |r| <= 1/2, by the minimax polynomial of degree 6 (fitted for this file), whose
// exponent is then raised: 2e-9 besides the rounding. `shifted` is whole + kRounder.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V scaled_power(D d, V shifted, V r) {
  namespace hn = hwy::HWY_NAMESPACE;
  constexpr float kPower[] = {0.0001534581242594868F,
                              0.0013399930903688073F,
                              0.009618489071726799F,
                              0.05550328642129898F,
                              0.24022646248340607F,
                              0.6931471824645996F,
                              1.0F};
  V p = hn::Set(d, kPower[0]);
  for (int i = 1; i < 7; ++i) p = hn::MulAdd(p, r, hn::Set(d, kPower[i]));
  const hn::RebindToSigned<D> bits;
  return hn::BitCast(d,
                     hn::Add(hn::BitCast(bits, p), hn::ShiftLeft<23>(hn::BitCast(bits, shifted))));
}

// 2^x for x from -125 to 127: to 2^-22 of it. A NaN stays one.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V power_of_two(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V rounder = hn::Set(d, kRounder);
  const V shifted = hn::Add(x, rounder);
  return scaled_power(d, shifted, hn::Sub(x, hn::Sub(shifted, rounder)));
}

// e^x for every x, to 2^-22 + 2^-23 |x| of it; between 2e-38 and 2e38, and there it stays beyond
// them. A NaN stays one.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V exponential(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V rounder = hn::Set(d, kRounder);
  const V log2e = hn::Set(d, 1.44269504F);
  x = hn::Min(hn::Set(d, 88.0F), hn::Max(hn::Set(d, -86.6F), x));  // in this order for NaN
  const V shifted = hn::MulAdd(x, log2e, rounder);
  return scaled_power(d, shifted, hn::MulSub(x, log2e, hn::Sub(shifted, rounder)));
}

}  // namespace ctclip::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
