#include "nn/bf16_rows.h"

#include <cmath>
#include <cstdlib>

#include "nn/bf16_intrinsics.h"

#if defined(__x86_64__)

namespace ctclip::nn {
namespace {

CTCLIP_BF16_INLINE __mmask16 first(int64_t count) {
  return count >= kLanes ? static_cast<__mmask16>(0xFFFF)
                         : static_cast<__mmask16>((1U << count) - 1);
}

// The minimax polynomial of logit(Phi(g)) / g in g^2 for |g| <= 5, fitted for this file: 1e-4.
CTCLIP_BF16_INLINE V gelu_roughly(V g) {
  constexpr float kMost = 5;
  const V near = _mm512_max_ps(_mm512_min_ps(g, _mm512_set1_ps(kMost)), _mm512_set1_ps(-kMost));
  const V square = near * near;
  V logit = _mm512_set1_ps(1.27701186e-09F);
  logit = logit * square + _mm512_set1_ps(-1.21664412e-07F);
  logit = logit * square + _mm512_set1_ps(4.51506146e-06F);
  logit = logit * square + _mm512_set1_ps(-7.21770249e-05F);
  logit = logit * square + _mm512_set1_ps(-2.72970042e-04F);
  logit = logit * square + _mm512_set1_ps(0.0731439167F);
  logit = logit * square + _mm512_set1_ps(1.59545725F);
  return g * sigmoid_roughly(near * logit);
}

}  // namespace

CTCLIP_BF16 void round_values(const float* x, int64_t count, Bfloat16* out) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 there = first(count - i);
    _mm256_mask_storeu_epi16(out + i, there, rounded(_mm512_maskz_loadu_ps(there, x + i)));
  }
}

CTCLIP_BF16 float rounding_distance(const float* x, const Bfloat16* rounded, int64_t count) {
  V sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 there = first(count - i);
    const __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, rounded + i));
    const V lost =
        _mm512_maskz_loadu_ps(there, x + i) - _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
    sum += lost * lost;
  }
  return std::sqrt(_mm512_reduce_add_ps(sum));
}

CTCLIP_BF16 void geglu_bf16(const float* x, int64_t rows, int64_t dim, Bfloat16* out) {
  for (int64_t row = 0; row < rows; ++row, x += 2 * dim, out += dim) {
    for (int64_t i = 0; i < dim; i += kLanes) {
      const __mmask16 there = first(dim - i);
      const V gate = gelu_roughly(_mm512_maskz_loadu_ps(there, x + dim + i));
      _mm256_mask_storeu_epi16(out + i, there, rounded(_mm512_maskz_loadu_ps(there, x + i) * gate));
    }
  }
}

}  // namespace ctclip::nn

#else

// `multiplies_bf16` is false here, so nobody calls these.
namespace ctclip::nn {

void round_values(const float*, int64_t, Bfloat16*) { std::abort(); }
float rounding_distance(const float*, const Bfloat16*, int64_t) { std::abort(); }
void geglu_bf16(const float*, int64_t, int64_t, Bfloat16*) { std::abort(); }

}  // namespace ctclip::nn

#endif
