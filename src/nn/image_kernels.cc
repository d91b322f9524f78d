#include "nn/image_kernels.h"

#include <algorithm>
#include <cstring>

#include "nn/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/image_kernels.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "nn/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ctclip::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;  // channels are a multiple of 16: no remainder anywhere
using V = hn::Vec<D>;
constexpr D kTag;
constexpr int64_t kRun = 256;  // positions that are added up in float before they go into a double

HWY_INLINE int64_t lanes() { return static_cast<int64_t>(hn::Lanes(kTag)); }
HWY_INLINE V load(const float* x) { return hn::LoadU(kTag, x); }

HWY_INLINE V sigmoid(V u) {
  const V one = hn::Set(kTag, 1.0F);
  return hn::Div(one, hn::Add(one, exponential(kTag, hn::Neg(u))));
}

// body(channel) once for each vector of channels.
template <class Body>
HWY_INLINE void for_channels(int64_t channels, const Body& body) {
  for (int64_t c = 0; c < channels; c += lanes()) body(c);
}

// The same for every position, as two-level loop that keeps a position's channels together.
template <class Body>
HWY_INLINE void for_each(int64_t positions, int64_t channels, const Body& body) {
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t c = 0; c < channels; c += lanes()) body(p * channels + c, c);
  }
}

// Adds to the sums of two terms over the positions for every channel: float over short runs, double
// across.
template <class Terms>
HWY_INLINE void sum_pairs(int64_t positions, int64_t channels, double* first, double* second,
                          const Terms& terms) {
  HWY_ALIGN float part[2][16];
  for (int64_t begin = 0; begin < positions; begin += kRun) {
    const int64_t end = std::min(positions, begin + kRun);
    for_channels(channels, [&](int64_t c) {
      V a = hn::Zero(kTag);
      V b = hn::Zero(kTag);
      for (int64_t p = begin; p < end; ++p) terms(p * channels + c, c, a, b);
      hn::Store(a, kTag, part[0]);
      hn::Store(b, kTag, part[1]);
      for (int64_t i = 0; i < lanes(); ++i) {
        first[c + i] += static_cast<double>(part[0][i]);
        second[c + i] += static_cast<double>(part[1][i]);
      }
    });
  }
}

void add_moments(const float* x, int64_t positions, int64_t channels, const float* about,
                 double* sum, double* squares) {
  sum_pairs(positions, channels, sum, squares, [&](int64_t i, int64_t c, V& a, V& b) {
    const V v = hn::Sub(load(x + i), load(about + c));
    a = hn::Add(a, v);
    b = hn::MulAdd(v, v, b);
  });
}

void gradient_sums(const float* x, const float* grad, int64_t positions, int64_t channels,
                   const float* mean, double* sum, double* product) {
  std::fill_n(sum, channels, 0.0);
  std::fill_n(product, channels, 0.0);
  sum_pairs(positions, channels, sum, product, [&](int64_t i, int64_t c, V& a, V& b) {
    const V g = load(grad + i);
    a = hn::Add(a, g);
    b = hn::MulAdd(g, hn::Sub(load(x + i), load(mean + c)), b);
  });
}

HWY_INLINE V mapped(const float* x, int64_t i, int64_t c, const ChannelMap& map) {
  return hn::MulAdd(hn::Sub(load(x + i), load(map.mean + c)), load(map.gain + c),
                    load(map.shift + c));
}

void normalise(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
               float* out) {
  for_each(positions, channels,
           [&](int64_t i, int64_t c) { hn::StoreU(mapped(x, i, c, map), kTag, out + i); });
}

void normalise_silu(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                    float* out) {
  for_each(positions, channels, [&](int64_t i, int64_t c) {
    const V u = mapped(x, i, c, map);
    hn::StoreU(hn::Mul(u, sigmoid(u)), kTag, out + i);
  });
}

void normalise_silu_pool(const float* x, int64_t h, int64_t w, int64_t channels,
                         const ChannelMap& map, float* normed, float* plain) {
  const V quarter = hn::Set(kTag, 0.25F);
  const int64_t line = 2 * w * channels;
  for (int64_t p = 0; p < h * w; ++p, normed += channels, plain += channels) {
    const int64_t corner = p / w * 2 * line + p % w * 2 * channels;
    for_channels(channels, [&](int64_t c) {
      V sum = hn::Zero(kTag);
      V active = hn::Zero(kTag);
      for (const int64_t i : {corner, corner + channels, corner + line, corner + line + channels}) {
        const V u = mapped(x, i + c, c, map);
        active = hn::MulAdd(u, sigmoid(u), active);
        sum = hn::Add(sum, load(x + i + c));
      }
      hn::StoreU(hn::Mul(active, quarter), kTag, normed + c);
      hn::StoreU(hn::Mul(sum, quarter), kTag, plain + c);
    });
  }
}

void silu(float* x, int64_t count) {
  for_channels(count, [&](int64_t i) {
    const V u = load(x + i);
    hn::StoreU(hn::Mul(u, sigmoid(u)), kTag, x + i);
  });
}

void silu_backward(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                   float* grad) {
  const V one = hn::Set(kTag, 1.0F);
  for_each(positions, channels, [&](int64_t i, int64_t c) {
    const V u = mapped(x, i, c, map);
    const V s = sigmoid(u);  // silu' = s (1 + u (1 - s))
    const V slope = hn::Mul(s, hn::MulAdd(u, hn::Sub(one, s), one));
    hn::StoreU(hn::Mul(load(grad + i), slope), kTag, grad + i);
  });
}

void normalise_backward(const float* x, const float* grad, int64_t positions, int64_t channels,
                        const ChannelMap& map, const float* slope, const float* offset,
                        float* out) {
  for_each(positions, channels, [&](int64_t i, int64_t c) {
    const V centred = hn::Sub(load(x + i), load(map.mean + c));
    V v = hn::Add(load(out + i), load(offset + c));
    v = hn::MulAdd(centred, load(slope + c), v);
    hn::StoreU(hn::MulAdd(load(grad + i), load(map.gain + c), v), kTag, out + i);
  });
}

void repeat_2x2(const float* x, int64_t h, int64_t w, int64_t channels, float factor, float* out) {
  const V scale = hn::Set(kTag, factor);
  const int64_t line = 2 * w * channels;
  for (int64_t p = 0; p < h * w; ++p, x += channels) {
    float* to = out + p / w * 2 * line + p % w * 2 * channels;
    for_channels(channels, [&](int64_t c) {
      const V v = hn::Mul(load(x + c), scale);
      hn::StoreU(v, kTag, to + c);
      hn::StoreU(v, kTag, to + channels + c);
      hn::StoreU(v, kTag, to + line + c);
      hn::StoreU(v, kTag, to + line + channels + c);
    });
  }
}

}  // namespace ctclip::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ctclip::nn {

HWY_EXPORT(add_moments);
HWY_EXPORT(normalise);
HWY_EXPORT(normalise_silu);
HWY_EXPORT(normalise_silu_pool);
HWY_EXPORT(silu);
HWY_EXPORT(silu_backward);
HWY_EXPORT(gradient_sums);
HWY_EXPORT(normalise_backward);
HWY_EXPORT(repeat_2x2);

void add_moments(const float* x, int64_t positions, int64_t channels, const float* about,
                 double* sum, double* squares) {
  HWY_DYNAMIC_DISPATCH(add_moments)(x, positions, channels, about, sum, squares);
}
void normalise(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
               float* out) {
  HWY_DYNAMIC_DISPATCH(normalise)(x, positions, channels, map, out);
}
void normalise_silu(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                    float* out) {
  HWY_DYNAMIC_DISPATCH(normalise_silu)(x, positions, channels, map, out);
}
void normalise_silu_pool(const float* x, int64_t h, int64_t w, int64_t channels,
                         const ChannelMap& map, float* normed, float* plain) {
  HWY_DYNAMIC_DISPATCH(normalise_silu_pool)(x, h, w, channels, map, normed, plain);
}
void silu(float* x, int64_t count) { HWY_DYNAMIC_DISPATCH(silu)(x, count); }
void silu_backward(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                   float* grad) {
  HWY_DYNAMIC_DISPATCH(silu_backward)(x, positions, channels, map, grad);
}
void gradient_sums(const float* x, const float* grad, int64_t positions, int64_t channels,
                   const float* mean, double* sum, double* product) {
  HWY_DYNAMIC_DISPATCH(gradient_sums)(x, grad, positions, channels, mean, sum, product);
}
void normalise_backward(const float* x, const float* grad, int64_t positions, int64_t channels,
                        const ChannelMap& map, const float* slope, const float* offset,
                        float* out) {
  HWY_DYNAMIC_DISPATCH(normalise_backward)(x, grad, positions, channels, map, slope, offset, out);
}
void repeat_2x2(const float* x, int64_t h, int64_t w, int64_t channels, float factor, float* out) {
  HWY_DYNAMIC_DISPATCH(repeat_2x2)(x, h, w, channels, factor, out);
}
void concatenate(const float* x, int64_t a, const float* y, int64_t b, int64_t positions,
                 float* out) {
  for (int64_t p = 0; p < positions; ++p, x += a, y += b, out += a + b) {
    std::memcpy(out, x, static_cast<std::size_t>(a) * sizeof(float));
    std::memcpy(out + a, y, static_cast<std::size_t>(b) * sizeof(float));
  }
}

}  // namespace ctclip::nn
#endif
