#pragma once

// For the kernels of a processor that `multiplies_bf16`, and for their files alone. Only functions
// that say CTCLIP_BF16 are compiled for it; what the headers of other libraries define stays as it
// is everywhere else.

#if defined(__x86_64__)

// GCC 12 takes the undefined operand of its own intrinsics for a mistake (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <cstdint>

#include "base/bfloat16.h"

#define CTCLIP_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define CTCLIP_BF16_INLINE CTCLIP_BF16 __attribute__((always_inline)) inline

namespace ctclip::nn {

constexpr int64_t kLanes = 16;
using V = __m512;

CTCLIP_BF16_INLINE __m256i rounded(V value) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value));
}

CTCLIP_BF16_INLINE void store_rounded(V value, Bfloat16* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded(value));
}

// exp(u) = 2^n p(r), |r| <= 1/2, with a polynomial of degree 4 for 2^r: 3e-6 of it.
CTCLIP_BF16_INLINE V exp_roughly(V u) {
  const V by_log2 = u * _mm512_set1_ps(1.442695041F);
  const V whole = _mm512_roundscale_ps(by_log2, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const V r = by_log2 - whole;
  V p = _mm512_set1_ps(0.00957010117F);
  p = p * r + _mm512_set1_ps(0.0559178603F);
  p = p * r + _mm512_set1_ps(0.240247448F);
  p = p * r + _mm512_set1_ps(0.693121815F);
  p = p * r + _mm512_set1_ps(0.999999261F);
  return _mm512_scalef_ps(p, whole);
}

// 1 / (1 + exp(-u)), to 7e-5 of it.
CTCLIP_BF16_INLINE V sigmoid_roughly(V u) {
  return _mm512_rcp14_ps(exp_roughly(-u) + _mm512_set1_ps(1));
}

}  // namespace ctclip::nn

#endif
