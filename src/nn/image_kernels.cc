#include "nn/image_kernels.h"

#include <algorithm>
#include <cstring>

// As in kernels.cc: what lies between these targets gains nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/image_kernels.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

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
  return hn::Div(one, hn::Add(one, hn::Exp(kTag, hn::Neg(u))));
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

// Sums of two terms over the positions for every channel: float over short runs, double across.
template <class Terms>
HWY_INLINE void sum_pairs(int64_t positions, int64_t channels, double* first, double* second,
                          const Terms& terms) {
  std::fill_n(first, channels, 0.0);
  std::fill_n(second, channels, 0.0);
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

// The sums are taken about a value of the channel itself, so that no digits cancel where its
// deviation is small beside its mean.
void channel_moments(const float* x, int64_t positions, int64_t channels, double* mean,
                     double* variance) {
  const float* about = x + positions / 2 * channels;
  sum_pairs(positions, channels, mean, variance, [&](int64_t i, int64_t c, V& a, V& b) {
    const V v = hn::Sub(load(x + i), load(about + c));
    a = hn::Add(a, v);
    b = hn::MulAdd(v, v, b);
  });
  const auto count = static_cast<double>(positions);
  for (int64_t c = 0; c < channels; ++c) {
    const double offset = mean[c] / count;
    variance[c] = std::max(variance[c] / count - offset * offset, 0.0);
    mean[c] = offset + static_cast<double>(about[c]);
  }
}

void gradient_sums(const float* x, const float* grad, int64_t positions, int64_t channels,
                   const float* mean, double* sum, double* product) {
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

void average_pool(const float* x, int64_t h, int64_t w, int64_t channels, float* out) {
  const V quarter = hn::Set(kTag, 0.25F);
  const int64_t line = 2 * w * channels;
  for (int64_t p = 0; p < h * w; ++p, out += channels) {
    const float* from = x + p / w * 2 * line + p % w * 2 * channels;
    for_channels(channels, [&](int64_t c) {
      const V top = hn::Add(load(from + c), load(from + channels + c));
      const V bottom = hn::Add(load(from + line + c), load(from + line + channels + c));
      hn::StoreU(hn::Mul(hn::Add(top, bottom), quarter), kTag, out + c);
    });
  }
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

// B^T d for one line of an input tile, in place. Side 2: Lavin & Gray (section 4.1); side 4: 4.2.
HWY_INLINE void input_line(V (&d)[4]) {
  const V d1 = d[1];
  const V d2 = d[2];
  d[0] = hn::Sub(d[0], d2);
  d[1] = hn::Add(d1, d2);
  d[2] = hn::Sub(d2, d1);
  d[3] = hn::Sub(d1, d[3]);
}

HWY_INLINE void input_line(V (&d)[6]) {
  const V two = hn::Set(kTag, 2.0F);
  const V four = hn::Set(kTag, 4.0F);
  const V five = hn::Set(kTag, 5.0F);
  const V a = hn::NegMulAdd(four, d[2], d[4]);  // d4 - 4 d2
  const V b = hn::NegMulAdd(four, d[1], d[3]);  // d3 - 4 d1
  const V c = hn::Sub(d[4], d[2]);
  const V e = hn::Mul(two, hn::Sub(d[3], d[1]));
  d[0] = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
  d[5] = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
  d[1] = hn::Add(a, b);
  d[2] = hn::Sub(a, b);
  d[3] = hn::Add(c, e);
  d[4] = hn::Sub(c, e);
}

// A^T m for one line of products.
HWY_INLINE void output_line(const V (&m)[4], V (&y)[2]) {
  y[0] = hn::Add(m[0], hn::Add(m[1], m[2]));
  y[1] = hn::Sub(hn::Sub(m[1], m[2]), m[3]);
}

HWY_INLINE void output_line(const V (&m)[6], V (&y)[4]) {
  const V two = hn::Set(kTag, 2.0F);
  const V four = hn::Set(kTag, 4.0F);
  const V eight = hn::Set(kTag, 8.0F);
  const V a = hn::Add(m[1], m[2]);
  const V b = hn::Sub(m[1], m[2]);
  const V c = hn::Add(m[3], m[4]);
  const V d = hn::Sub(m[3], m[4]);
  y[0] = hn::Add(hn::Add(m[0], a), c);
  y[1] = hn::MulAdd(two, d, b);
  y[2] = hn::MulAdd(four, c, a);
  y[3] = hn::Add(hn::MulAdd(eight, d, b), m[5]);
}

// One vector of channels of one input tile; rows and columns outside the image are zero.
template <int kSide>
HWY_INLINE void input_tile(const float* x, const TileGrid& grid, int64_t top, int64_t left,
                           int64_t channels, int64_t stride, float* out) {
  constexpr int kPoints = kSide + 2;
  V rows[kPoints][kPoints];
  for (int j = 0; j < kPoints; ++j) {
    V column[kPoints];
    const bool inside = left + j >= 0 && left + j < grid.width;
    for (int i = 0; i < kPoints; ++i) {
      const bool there = inside && top + i >= 0 && top + i < grid.height;
      column[i] = there ? load(x + ((top + i) * grid.width + left + j) * channels) : hn::Zero(kTag);
    }
    input_line(column);
    for (int i = 0; i < kPoints; ++i) rows[i][j] = column[i];
  }
  for (int i = 0; i < kPoints; ++i) {
    input_line(rows[i]);
    for (int j = 0; j < kPoints; ++j, out += stride) hn::StoreU(rows[i][j], kTag, out);
  }
}

template <int kSide>
HWY_INLINE void input_tiles(const float* x, const TileGrid& grid, int64_t first, int64_t count,
                            int64_t channels, float* out) {
  for (int64_t tile = first; tile < first + count; ++tile, out += channels) {
    const int64_t top = tile / grid.across() * kSide - 1;
    const int64_t left = tile % grid.across() * kSide - 1;
    for_channels(channels, [&](int64_t c) {
      input_tile<kSide>(x + c, grid, top, left, channels, count * channels, out + c);
    });
  }
}

template <int kSide>
HWY_INLINE void output_tile(const float* products, const TileGrid& grid, int64_t top, int64_t left,
                            int64_t channels, int64_t stride, V bias, const float* residual,
                            float* y) {
  constexpr int kPoints = kSide + 2;
  V rows[kSide][kPoints];
  for (int j = 0; j < kPoints; ++j) {
    V column[kPoints];
    for (int i = 0; i < kPoints; ++i) column[i] = load(products + (i * kPoints + j) * stride);
    V short_column[kSide];
    output_line(column, short_column);
    for (int i = 0; i < kSide; ++i) rows[i][j] = short_column[i];
  }
  for (int i = 0; i < kSide && top + i < grid.height; ++i) {
    V line[kSide];
    output_line(rows[i], line);
    for (int j = 0; j < kSide && left + j < grid.width; ++j) {
      const int64_t at = ((top + i) * grid.width + left + j) * channels;
      V v = hn::Add(line[j], bias);
      if (residual != nullptr) v = hn::Add(v, load(residual + at));
      hn::StoreU(v, kTag, y + at);
    }
  }
}

template <int kSide>
HWY_INLINE void output_tiles(const float* products, const TileGrid& grid, int64_t first,
                             int64_t count, int64_t channels, const float* bias,
                             const float* residual, float* y) {
  for (int64_t tile = first; tile < first + count; ++tile, products += channels) {
    const int64_t top = tile / grid.across() * kSide;
    const int64_t left = tile % grid.across() * kSide;
    for_channels(channels, [&](int64_t c) {
      const V shift = bias == nullptr ? hn::Zero(kTag) : load(bias + c);
      output_tile<kSide>(products + c, grid, top, left, channels, count * channels, shift,
                         residual == nullptr ? nullptr : residual + c, y + c);
    });
  }
}

void winograd_input(const float* x, const TileGrid& grid, int64_t first, int64_t count,
                    int64_t channels, float* out) {
  if (grid.side == 2) {
    input_tiles<2>(x, grid, first, count, channels, out);
  } else {
    input_tiles<4>(x, grid, first, count, channels, out);
  }
}

void winograd_output(const float* products, const TileGrid& grid, int64_t first, int64_t count,
                     int64_t channels, const float* bias, const float* residual, float* y) {
  if (grid.side == 2) {
    output_tiles<2>(products, grid, first, count, channels, bias, residual, y);
  } else {
    output_tiles<4>(products, grid, first, count, channels, bias, residual, y);
  }
}

}  // namespace ctclip::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ctclip::nn {

HWY_EXPORT(channel_moments);
HWY_EXPORT(normalise);
HWY_EXPORT(normalise_silu);
HWY_EXPORT(silu);
HWY_EXPORT(silu_backward);
HWY_EXPORT(gradient_sums);
HWY_EXPORT(normalise_backward);
HWY_EXPORT(average_pool);
HWY_EXPORT(repeat_2x2);
HWY_EXPORT(winograd_input);
HWY_EXPORT(winograd_output);

void channel_moments(const float* x, int64_t positions, int64_t channels, double* mean,
                     double* variance) {
  HWY_DYNAMIC_DISPATCH(channel_moments)(x, positions, channels, mean, variance);
}
void normalise(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
               float* out) {
  HWY_DYNAMIC_DISPATCH(normalise)(x, positions, channels, map, out);
}
void normalise_silu(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                    float* out) {
  HWY_DYNAMIC_DISPATCH(normalise_silu)(x, positions, channels, map, out);
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
void average_pool(const float* x, int64_t h, int64_t w, int64_t channels, float* out) {
  HWY_DYNAMIC_DISPATCH(average_pool)(x, h, w, channels, out);
}
void repeat_2x2(const float* x, int64_t h, int64_t w, int64_t channels, float factor, float* out) {
  HWY_DYNAMIC_DISPATCH(repeat_2x2)(x, h, w, channels, factor, out);
}
void winograd_input(const float* x, const TileGrid& grid, int64_t first, int64_t count,
                    int64_t channels, float* out) {
  HWY_DYNAMIC_DISPATCH(winograd_input)(x, grid, first, count, channels, out);
}
void winograd_output(const float* products, const TileGrid& grid, int64_t first, int64_t count,
                     int64_t channels, const float* bias, const float* residual, float* y) {
  HWY_DYNAMIC_DISPATCH(winograd_output)
  (products, grid, first, count, channels, bias, residual, y);
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
