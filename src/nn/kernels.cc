#include "nn/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// Four targets are enough: what lies between them gains nothing here and each costs a compilation.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

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
    hn::BlendedStore(body(hn::MaskedLoad(mask, kTag, x + i), i), mask, kTag, out + i);
  }
}

HWY_INLINE V load(const float* x, int64_t i, int64_t count) {
  if (i + lanes() <= count) return hn::LoadU(kTag, x + i);
  return hn::MaskedLoad(hn::FirstN(kTag, static_cast<std::size_t>(count - i)), kTag, x + i);
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
    rest = sum(hn::IfThenElseZero(mask, term(hn::MaskedLoad(mask, kTag, x + i))));
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

// erf by two minimax polynomials (fitted for this file): x P(x^2) below 1, 1 - exp(Q(x)) above.
// Largest error against a float64 erf: 1.5e-7.
HWY_INLINE V erf(V x) {
  const V magnitude = hn::Abs(x);
  const V square = hn::Mul(x, x);
  constexpr float kNear[] = {-9.680140465206932e-06F, 0.00011270545655861497F,
                             -0.0008484711870551109F, 0.005221074912697077F,
                             -0.02686544507741928F,   0.11283782869577408F,
                             -0.37612637877464294F,   1.128379225730896F};
  constexpr float kFar[] = {0.0001855752052506432F,  -0.002939618658274412F, 0.02180536277592182F,
                            -0.10303746163845062F,   -0.6382255554199219F,   -1.127040147781372F,
                            -0.00035370513796806335F};
  V near = hn::Set(kTag, kNear[0]);
  for (int i = 1; i < 8; ++i) near = hn::MulAdd(near, square, hn::Set(kTag, kNear[i]));
  near = hn::Mul(near, x);

  const V clipped = hn::Min(magnitude, hn::Set(kTag, 4.0F));  // erf is 1 in float32 from 3.92 on
  V far = hn::Set(kTag, kFar[0]);
  for (int i = 1; i < 7; ++i) far = hn::MulAdd(far, clipped, hn::Set(kTag, kFar[i]));
  far = hn::CopySign(hn::Sub(hn::Set(kTag, 1.0F), hn::Exp(kTag, far)), x);
  return hn::IfThenElse(hn::Lt(magnitude, hn::Set(kTag, 1.0F)), near, far);
}

HWY_INLINE V gelu_of(V x) {
  const V half = hn::Mul(x, hn::Set(kTag, 0.5F));
  return hn::MulAdd(half, erf(hn::Mul(x, hn::Set(kTag, 0.70710678F))), half);
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
      const V e = hn::Exp(kTag, hn::Sub(hn::LoadU(kTag, x + i), shift));
      total = hn::Add(total, e);
      hn::StoreU(e, kTag, x + i);
    }
    if (i < dim) {
      const auto mask = hn::FirstN(kTag, static_cast<std::size_t>(dim - i));
      const V e = hn::Exp(kTag, hn::Sub(hn::MaskedLoad(mask, kTag, x + i), shift));
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

struct DepthwiseLine {
  const float* x;
  const float* const* lines;
  const float* weight;
  const float* bias;
  int64_t width, dim;
  float* out;
};

// Channels from `i` on of `kTokens` tokens from `first` on: each weight, and each token that is a
// neighbour of several, is loaded once.
template <int kTokens, class Load, class Store>
HWY_INLINE void depthwise_tokens(const DepthwiseLine& line, int64_t first, int64_t i,
                                 const Load& get, const Store& put) {
  const auto token = [&](const float* from, int64_t w) {
    return w < 0 || w >= line.width ? hn::Zero(kTag) : get(from + w * line.dim + i);
  };
  V total[kTokens];
  for (V& sum : total) sum = get(line.bias + i);
  for (int row = 0; row < 9; ++row) {
    const float* from = line.lines[row];
    if (from == nullptr) continue;
    V near[kTokens + 2];
    near[0] = token(from, first - 1);
    for (int k = 0; k < kTokens; ++k) near[k + 1] = get(from + (first + k) * line.dim + i);
    near[kTokens + 1] = token(from, first + kTokens);
    for (int tap = 0; tap < 3; ++tap) {
      const V weight = get(line.weight + (3 * row + tap) * line.dim + i);
      for (int k = 0; k < kTokens; ++k) total[k] = hn::MulAdd(weight, near[k + tap], total[k]);
    }
  }
  for (int k = 0; k < kTokens; ++k) {
    const int64_t at = (first + k) * line.dim + i;
    put(hn::Add(get(line.x + at), total[k]), line.out + at);
  }
}

template <class Load, class Store>
HWY_INLINE void depthwise_channels(const DepthwiseLine& line, int64_t i, const Load& get,
                                   const Store& put) {
  int64_t w = 0;
  for (; w + 8 <= line.width; w += 8) depthwise_tokens<8>(line, w, i, get, put);
  for (; w + 4 <= line.width; w += 4) depthwise_tokens<4>(line, w, i, get, put);
  for (; w < line.width; ++w) depthwise_tokens<1>(line, w, i, get, put);
}

void depthwise_line(const float* x, const float* const* lines, const float* weight,
                    const float* bias, int64_t width, int64_t dim, float* out) {
  const DepthwiseLine line{x, lines, weight, bias, width, dim, out};
  int64_t i = 0;
  for (; i + lanes() <= dim; i += lanes()) {
    depthwise_channels(
        line, i, [](const float* from) { return hn::LoadU(kTag, from); },
        [](V v, float* to) { hn::StoreU(v, kTag, to); });
  }
  if (i == dim) return;
  const auto mask = hn::FirstN(kTag, static_cast<std::size_t>(dim - i));
  depthwise_channels(
      line, i, [&](const float* from) { return hn::MaskedLoad(mask, kTag, from); },
      [&](V v, float* to) { hn::BlendedStore(v, mask, kTag, to); });
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
HWY_EXPORT(depthwise_line);
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
void depthwise_line(const float* x, const float* const* lines, const float* weight,
                    const float* bias, int64_t width, int64_t dim, float* out) {
  HWY_DYNAMIC_DISPATCH(depthwise_line)(x, lines, weight, bias, width, dim, out);
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
