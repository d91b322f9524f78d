#include "nn/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nn/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "nn/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ctclip::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D kTag;

HWY_INLINE int64_t lanes() { return static_cast<int64_t>(hn::Lanes(kTag)); }

// Applies `body` to whole vectors and once more to the rest, loaded with zeros behind it.
template <class Body>
HWY_INLINE void for_each(const float* x, int64_t count, float* out, const Body& body) {
  int64_t i = 0;
  for (; i + lanes() <= count; i += lanes()) {
    hn::StoreU(body(hn::LoadU(kTag, x + i), i), kTag, out + i);
  }
  if (i < count) {
    const auto mask = hn::FirstN(kTag, static_cast<std::size_t>(count - i));
    hn::BlendedStore(body(load_first(kTag, x + i, count - i), i), mask, kTag, out + i);
  }
}

HWY_INLINE V load(const float* x, int64_t i, int64_t count) {
  if (i + lanes() <= count) return hn::LoadU(kTag, x + i);
  return load_first(kTag, x + i, count - i);
}

HWY_INLINE float sum(V v) { return hn::GetLane(hn::SumOfLanes(kTag, v)); }

template <class Term>
HWY_INLINE float reduce_sum(const float* x, int64_t count, const Term& term) {
  V a = hn::Zero(kTag);
  V b = hn::Zero(kTag);
  int64_t i = 0;
  for (; i + 2 * lanes() <= count; i += 2 * lanes()) {
    a = hn::Add(a, term(hn::LoadU(kTag, x + i)));
    b = hn::Add(b, term(hn::LoadU(kTag, x + i + lanes())));
  }
  for (; i + lanes() <= count; i += lanes()) a = hn::Add(a, term(hn::LoadU(kTag, x + i)));
  float rest = 0;
  if (i < count) {
    const auto mask = hn::FirstN(kTag, static_cast<std::size_t>(count - i));
    rest = sum(hn::IfThenElseZero(mask, term(load_first(kTag, x + i, count - i))));
  }
  return sum(hn::Add(a, b)) + rest;
}

void layer_norm(const float* x, int64_t rows, int64_t dim, const float* gamma, const float* beta,
                float epsilon, float* out) {
  const auto count = static_cast<float>(dim);
  for (int64_t row = 0; row < rows; ++row, x += dim, out += dim) {
    const V mean = hn::Set(kTag, reduce_sum(x, dim, [](V v) { return v; }) / count);
    const float variance = reduce_sum(x, dim,
                                      [&](V v) {
                                        const V centred = hn::Sub(v, mean);
                                        return hn::Mul(centred, centred);
                                      }) /
                           count;
    const V scale = hn::Set(kTag, 1.0F / std::sqrt(variance + epsilon));
    for_each(x, dim, out, [&](V v, int64_t i) {
      return hn::MulAdd(hn::Mul(hn::Sub(v, mean), scale), load(gamma, i, dim), load(beta, i, dim));
    });
  }
}

// x Phi(x) through erfc(|x| / sqrt 2) = 2^(|x| P(|x|)), P the minimax polynomial up to 6 (fitted
// for this file), where it is 2e-9. Largest error against a float64 erfc: 2^-22.
HWY_INLINE V gelu_of(V x) {
  constexpr float kMost = 6;
  constexpr float kTail[] = {-2.0329046890310565e-08F, 6.459937367253588e-07F,
                             -8.756442184676416e-06F,  6.410552305169404e-05F,
                             -0.00023942325788084418F, -7.766475027892739e-05F,
                             0.0070334263145923615F,   -0.05249323323369026F,
                             -0.4592062532901764F,     -1.151105523109436F};
  const V distance = hn::Min(hn::Set(kTag, kMost), hn::Abs(x));
  V p = hn::Set(kTag, kTail[0]);
  for (int i = 1; i < 10; ++i) p = hn::MulAdd(p, distance, hn::Set(kTag, kTail[i]));
  const V tails = power_of_two(kTag, hn::Mul(p, distance));
  const V below =
      hn::IfThenElse(hn::Lt(x, hn::Zero(kTag)), tails, hn::Sub(hn::Set(kTag, 2.0F), tails));
  return hn::Mul(hn::Mul(x, hn::Set(kTag, 0.5F)), below);
}

void geglu(const float* x, int64_t rows, int64_t dim, float* out) {
  for (int64_t row = 0; row < rows; ++row, x += 2 * dim, out += dim) {
    for_each(x, dim, out,
             [&](V v, int64_t i) { return hn::Mul(v, gelu_of(load(x + dim, i, dim))); });
  }
}

void gelu(float* x, int64_t count) {
  for_each(x, count, x, [](V v, int64_t) { return gelu_of(v); });
}

void leaky_relu(float* x, int64_t count, float slope) {
  const V factor = hn::Set(kTag, slope);
  for_each(x, count, x, [&](V v, int64_t) {
    return hn::IfThenElse(hn::Lt(v, hn::Zero(kTag)), hn::Mul(v, factor), v);
  });
}

void unit_heads(float* x, int64_t rows, int64_t stride, int64_t heads, int64_t dim,
                const float* scale) {
  for (int64_t row = 0; row < rows; ++row, x += stride) {
    for (int64_t head = 0; head < heads; ++head) {
      float* part = x + head * dim;
      const float norm = std::sqrt(reduce_sum(part, dim, [](V v) { return hn::Mul(v, v); }));
      const V factor = hn::Set(kTag, 1.0F / std::max(norm, 1e-12F));
      for_each(part, dim, part, [&](V v, int64_t i) {
        const V unit = hn::Mul(v, factor);
        return scale == nullptr ? unit : hn::Mul(unit, load(scale, i, dim));
      });
    }
  }
}

void softmax_numerator(float* x, int64_t rows, int64_t dim, const float* bias, float* sums) {
  for (int64_t row = 0; row < rows; ++row, x += dim) {
    V largest = hn::Set(kTag, -INFINITY);
    if (bias != nullptr) {
      for_each(x, dim, x, [&](V v, int64_t i) { return hn::Add(v, load(bias, i, dim)); });
      bias += dim;
    }
    int64_t i = 0;
    for (; i + lanes() <= dim; i += lanes()) largest = hn::Max(largest, hn::LoadU(kTag, x + i));
    float top = hn::GetLane(hn::MaxOfLanes(kTag, largest));
    for (; i < dim; ++i) top = std::max(top, x[i]);

    const V shift = hn::Set(kTag, top);
    V total = hn::Zero(kTag);
    for (i = 0; i + lanes() <= dim; i += lanes()) {
      const V e = exponential(kTag, hn::Sub(hn::LoadU(kTag, x + i), shift));
      total = hn::Add(total, e);
      hn::StoreU(e, kTag, x + i);
    }
    if (i < dim) {
      const auto mask = hn::FirstN(kTag, static_cast<std::size_t>(dim - i));
      const V e = exponential(kTag, hn::Sub(load_first(kTag, x + i, dim - i), shift));
      total = hn::Add(total, hn::IfThenElseZero(mask, e));
      hn::BlendedStore(e, mask, kTag, x + i);
    }
    sums[row] = sum(total);
  }
}

void divide_rows(float* out, int64_t rows, int64_t stride, int64_t dim, const float* sums) {
  for (int64_t row = 0; row < rows; ++row, out += stride) {
    const V factor = hn::Set(kTag, 1.0F / sums[row]);
    for_each(out, dim, out, [&](V v, int64_t) { return hn::Mul(v, factor); });
  }
}

// One vector of channels, from `i` on, of `kTokens` tokens from `first` on of a row, frame by
// frame: what a frame adds to itself and to the two that follow it, so that each token is loaded
// once.
template <int kTokens, class Load, class Store>
HWY_INLINE void depthwise_vector(const DepthwiseRow& job, int64_t first, int64_t i, const Load& get,
                                 const Store& put) {
  constexpr int64_t kAhead = 32;  // channels: their lines lie too far apart to be foreseen
  V weight[27];
  for (int tap = 0; tap < 27; ++tap) weight[tap] = get(job.weight + tap * job.dim + i);
  const V bias = get(job.bias + i);
  V sums[3][kTokens];  // of this frame, the next and the one after it
  for (auto& frame : sums) {
    for (V& sum : frame) sum = bias;
  }
  const int64_t line = job.width * job.dim;
  for (int64_t t = 0; t < job.frames; ++t) {
    const int64_t frame = (t * job.rows + job.row) * line;
    for (const int r : {0, 2, 1}) {  // the row itself last: it is wanted once more
      if (job.row + r < 1 || job.row + r > job.rows) continue;
      const float* from = job.x + frame + (r - 1) * line + first * job.dim + i;
      HWY_UNROLL(10)
      for (int p = -1; p <= kTokens; ++p) {
        if ((p < 0 && first == 0) || (p == kTokens && first + p == job.width)) continue;
        const V token = get(from + p * job.dim);
        __builtin_prefetch(from + p * job.dim + kAhead, 0, 2);
        for (int tap = 0; tap < 3; ++tap) {
          const int k = p + 1 - tap;
          if (k < 0 || k >= kTokens) continue;
          for (int f = 0; f < 3; ++f) {
            sums[f][k] = hn::MulAdd(weight[(2 - f) * 9 + r * 3 + tap], token, sums[f][k]);
          }
        }
      }
    }
    for (int k = 0; k < kTokens; ++k) {
      const int64_t at = frame + (first + k) * job.dim + i;
      put(hn::Add(get(job.x + at), sums[0][k]), job.out + at);
      sums[0][k] = sums[1][k];
      sums[1][k] = sums[2][k];
      sums[2][k] = bias;
    }
  }
}

template <int kTokens>
HWY_NOINLINE void depthwise_tokens(const DepthwiseRow& job, int64_t first) {
  int64_t i = 0;
  for (; i + lanes() <= job.dim; i += lanes()) {
    depthwise_vector<kTokens>(
        job, first, i, [](const float* from) { return hn::LoadU(kTag, from); },
        [](V v, float* to) { hn::StoreU(v, kTag, to); });
  }
  if (i == job.dim) return;
  const auto mask = hn::FirstN(kTag, static_cast<std::size_t>(job.dim - i));
  depthwise_vector<kTokens>(
      job, first, i, [&](const float* from) { return load_first(kTag, from, job.dim - i); },
      [&](V v, float* to) { hn::BlendedStore(v, mask, kTag, to); });
}

void depthwise_row(const DepthwiseRow& job, int64_t begin, int64_t end) {
  for (; begin + kSumRows <= end; begin += kSumRows) depthwise_tokens<kSumRows>(job, begin);
  for (; begin < end; ++begin) depthwise_tokens<1>(job, begin);
}

double dot(const float* a, const float* b, int64_t count) {
  constexpr int64_t kRun =
      1024;  // a float run this short keeps the error below 64 epsilon of its own sum
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += kRun) {
    const int64_t end = std::min(count, begin + kRun);
    V x = hn::Zero(kTag);
    V y = hn::Zero(kTag);
    int64_t i = begin;
    for (; i + 2 * lanes() <= end; i += 2 * lanes()) {
      x = hn::MulAdd(hn::LoadU(kTag, a + i), hn::LoadU(kTag, b + i), x);
      y = hn::MulAdd(hn::LoadU(kTag, a + i + lanes()), hn::LoadU(kTag, b + i + lanes()), y);
    }
    for (; i < end; i += lanes()) x = hn::MulAdd(load(a, i, end), load(b, i, end), x);
    total += static_cast<double>(sum(hn::Add(x, y)));
  }
  return total;
}

void add(const float* x, int64_t count, float* y) {
  for_each(y, count, y, [&](V v, int64_t i) { return hn::Add(v, load(x, i, count)); });
}

float largest(const float* x, int64_t count) {
  V top = hn::Set(kTag, -INFINITY);
  int64_t i = 0;
  for (; i + lanes() <= count; i += lanes()) top = hn::Max(top, hn::LoadU(kTag, x + i));
  float all = hn::GetLane(hn::MaxOfLanes(kTag, top));
  for (; i < count; ++i) all = std::max(all, x[i]);
  return all;
}

int64_t find_at_least(const float* x, int64_t begin, int64_t end, float bound) {
  const V least = hn::Set(kTag, bound);
  int64_t i = begin;
  for (; i + lanes() <= end; i += lanes()) {
    const auto found = hn::FindFirstTrue(kTag, hn::Ge(hn::LoadU(kTag, x + i), least));
    if (found >= 0) return i + found;
  }
  while (i < end && !(x[i] >= bound)) ++i;
  return i;
}

const char* instruction_set() { return hwy::TargetName(HWY_TARGET); }

}  // namespace ctclip::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ctclip::nn {

HWY_EXPORT(layer_norm);
HWY_EXPORT(geglu);
HWY_EXPORT(gelu);
HWY_EXPORT(leaky_relu);
HWY_EXPORT(unit_heads);
HWY_EXPORT(softmax_numerator);
HWY_EXPORT(divide_rows);
HWY_EXPORT(depthwise_row);
HWY_EXPORT(dot);
HWY_EXPORT(add);
HWY_EXPORT(largest);
HWY_EXPORT(find_at_least);
HWY_EXPORT(instruction_set);

void layer_norm(const float* x, int64_t rows, int64_t dim, const float* gamma, const float* beta,
                float epsilon, float* out) {
  HWY_DYNAMIC_DISPATCH(layer_norm)(x, rows, dim, gamma, beta, epsilon, out);
}
void geglu(const float* x, int64_t rows, int64_t dim, float* out) {
  HWY_DYNAMIC_DISPATCH(geglu)(x, rows, dim, out);
}
void gelu(float* x, int64_t count) { HWY_DYNAMIC_DISPATCH(gelu)(x, count); }
void leaky_relu(float* x, int64_t count, float slope) {
  HWY_DYNAMIC_DISPATCH(leaky_relu)(x, count, slope);
}
void unit_heads(float* x, int64_t rows, int64_t stride, int64_t heads, int64_t dim,
                const float* scale) {
  HWY_DYNAMIC_DISPATCH(unit_heads)(x, rows, stride, heads, dim, scale);
}
void softmax_numerator(float* x, int64_t rows, int64_t dim, const float* bias, float* sums) {
  HWY_DYNAMIC_DISPATCH(softmax_numerator)(x, rows, dim, bias, sums);
}
void divide_rows(float* out, int64_t rows, int64_t stride, int64_t dim, const float* sums) {
  HWY_DYNAMIC_DISPATCH(divide_rows)(out, rows, stride, dim, sums);
}
void depthwise_row(const DepthwiseRow& job, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(depthwise_row)(job, begin, end);
}
double dot(const float* a, const float* b, int64_t count) {
  return HWY_DYNAMIC_DISPATCH(dot)(a, b, count);
}
void add(const float* x, int64_t count, float* y) { HWY_DYNAMIC_DISPATCH(add)(x, count, y); }
float largest(const float* x, int64_t count) { return HWY_DYNAMIC_DISPATCH(largest)(x, count); }
int64_t find_at_least(const float* x, int64_t begin, int64_t end, float bound) {
  return HWY_DYNAMIC_DISPATCH(find_at_least)(x, begin, end, bound);
}
const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(instruction_set)(); }

void limit_instruction_set(const char* name) {
  int64_t allowed = 0;
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) {
    // Highway numbers its targets best first.
    if (std::strcmp(hwy::TargetName(target), name) == 0 || allowed != 0) allowed |= target;
  }
  hwy::SetSupportedTargetsForTest(allowed);
}

}  // namespace ctclip::nn
#endif
