#include "nn/winograd_kernels.h"

#include <algorithm>

#include "nn/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/winograd_kernels.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "nn/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ctclip::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;  // channels are a multiple of 16: no remainder anywhere
using V = hn::Vec<D>;
constexpr D kTag;

HWY_INLINE int64_t lanes() { return static_cast<int64_t>(hn::Lanes(kTag)); }
HWY_INLINE V load(const float* x) { return hn::LoadU(kTag, x); }

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

// One vector of channels of one input tile; rows and columns outside the image are zero. kWhole: it
// has none of these.
template <int kSide, bool kWhole>
void input_tile(const float* x, int64_t row, const TileGrid& grid, int64_t top, int64_t left,
                int64_t channels, int64_t stride, float* out) {
  constexpr int kPoints = kSide + 2;
  const int64_t pitch = grid.width * channels;
  const float* corner = x + (top - row) * pitch + left * channels;
  V rows[kPoints][kPoints];
  for (int j = 0; j < kPoints; ++j) {
    V column[kPoints];
    const bool inside = kWhole || (left + j >= 0 && left + j < grid.width);
    for (int i = 0; i < kPoints; ++i) {
      const bool there = kWhole || (inside && top + i >= 0 && top + i < grid.height);
      column[i] = there ? load(corner + i * pitch + j * channels) : hn::Zero(kTag);
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
HWY_INLINE void input_tiles(const float* x, int64_t row, const TileGrid& grid, int64_t first,
                            int64_t count, int64_t channels, float* out) {
  const int64_t stride = point_stride(count, channels);
  for (int64_t tile = first; tile < first + count; ++tile, out += channels) {
    const int64_t top = tile / grid.across() * kSide - 1;
    const int64_t left = tile % grid.across() * kSide - 1;
    const bool whole =
        top >= 0 && left >= 0 && top + kSide + 2 <= grid.height && left + kSide + 2 <= grid.width;
    const auto transform = whole ? input_tile<kSide, true> : input_tile<kSide, false>;
    for (int64_t c = 0; c < channels; c += lanes()) {
      transform(x + c, row, grid, top, left, channels, stride, out + c);
    }
  }
}

template <int kSide, bool kWhole>
void output_tile(const float* products, const TileGrid& grid, int64_t top, int64_t left,
                 int64_t channels, int64_t stride, V bias, const float* residual, float* y) {
  constexpr int kPoints = kSide + 2;
  V rows[kSide][kPoints];
  for (int j = 0; j < kPoints; ++j) {
    V column[kPoints];
    for (int i = 0; i < kPoints; ++i) column[i] = load(products + (i * kPoints + j) * stride);
    V short_column[kSide];
    output_line(column, short_column);
    for (int i = 0; i < kSide; ++i) rows[i][j] = short_column[i];
  }
  const int64_t pitch = grid.width * channels;
  const int64_t corner = top * pitch + left * channels;
  for (int i = 0; i < kSide && (kWhole || top + i < grid.height); ++i) {
    V line[kSide];
    output_line(rows[i], line);
    for (int j = 0; j < kSide && (kWhole || left + j < grid.width); ++j) {
      const int64_t at = corner + i * pitch + j * channels;
      V v = hn::Add(line[j], bias);
      if (residual != nullptr) v = hn::Add(v, load(residual + at));
      hn::StoreU(v, kTag, y + at);
    }
  }
}

// What a tile will write and add: the next tile's lines come while this one is computed, as their
// pattern is none that a processor foresees.
template <int kSide>
HWY_INLINE void fetch_tile(const float* image, const TileGrid& grid, int64_t top, int64_t left,
                           int64_t channels) {
  constexpr int64_t kLine = 16;
  const int64_t width = std::min<int64_t>(kSide, grid.width - left) * channels;
  for (int64_t i = top; i < std::min(top + kSide, grid.height); ++i) {
    const float* row = image + (i * grid.width + left) * channels;
    for (int64_t at = 0; at < width; at += kLine) __builtin_prefetch(row + at, 1);
  }
}

template <int kSide>
HWY_INLINE void output_tiles(const float* products, const TileGrid& grid, int64_t first,
                             int64_t count, int64_t channels, const float* bias,
                             const float* residual, float* y) {
  const int64_t stride = point_stride(count, channels);
  for (int64_t tile = first; tile < first + count; ++tile, products += channels) {
    const int64_t top = tile / grid.across() * kSide;
    const int64_t left = tile % grid.across() * kSide;
    if (left + kSide < grid.width) {
      fetch_tile<kSide>(y, grid, top, left + kSide, channels);
      if (residual != nullptr) fetch_tile<kSide>(residual, grid, top, left + kSide, channels);
    }
    const bool whole = top + kSide <= grid.height && left + kSide <= grid.width;
    const auto transform = whole ? output_tile<kSide, true> : output_tile<kSide, false>;
    for (int64_t c = 0; c < channels; c += lanes()) {
      const V shift = bias == nullptr ? hn::Zero(kTag) : load(bias + c);
      transform(products + c, grid, top, left, channels, stride, shift,
                residual == nullptr ? nullptr : residual + c, y + c);
    }
  }
}

void winograd_input(const float* x, int64_t row, const TileGrid& grid, int64_t first, int64_t count,
                    int64_t channels, float* out) {
  if (grid.side == 2) {
    input_tiles<2>(x, row, grid, first, count, channels, out);
  } else {
    input_tiles<4>(x, row, grid, first, count, channels, out);
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

template <int kCount, int kVectors>
HWY_INLINE void multiply_rows(const float* a, int64_t in, const float* b, int64_t out, float* c) {
  const int64_t n = lanes();
  V sums[kCount][kVectors];
  for (auto& row : sums) {
    for (V& sum : row) sum = hn::Zero(kTag);
  }
  add_products(
      kTag, [&](int64_t i, int64_t k) { return a[i * in + k]; }, b, in, out, sums);
  for (int i = 0; i < kCount; ++i) {
    for (int j = 0; j < kVectors; ++j) hn::StoreU(sums[i][j], kTag, c + i * out + j * n);
  }
}

template <int kVectors>
HWY_INLINE void multiply_columns(const float* a, int64_t count, int64_t in, const float* b,
                                 int64_t out, float* c) {
  int64_t row = 0;
  for (; row + kSumRows <= count; row += kSumRows) {
    multiply_rows<kSumRows, kVectors>(a + row * in, in, b, out, c + row * out);
  }
  for (; row < count; ++row) {
    multiply_rows<1, kVectors>(a + row * in, in, b, out, c + row * out);
  }
}

void winograd_multiply(const float* tiles, const float* weight, int64_t points, int64_t count,
                       int64_t in, int64_t out, float* products) {
  for (int64_t point = 0; point < points; ++point) {
    int64_t column = 0;
    for (; column + 2 * lanes() <= out; column += 2 * lanes()) {
      multiply_columns<2>(tiles, count, in, weight + column, out, products + column);
    }
    for (; column < out; column += lanes()) {
      multiply_columns<1>(tiles, count, in, weight + column, out, products + column);
    }
    tiles += point_stride(count, in);
    products += point_stride(count, out);
    weight += in * out;
  }
}

}  // namespace ctclip::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ctclip::nn {

HWY_EXPORT(winograd_input);
HWY_EXPORT(winograd_multiply);
HWY_EXPORT(winograd_output);

void winograd_input(const float* x, int64_t row, const TileGrid& grid, int64_t first, int64_t count,
                    int64_t channels, float* out) {
  HWY_DYNAMIC_DISPATCH(winograd_input)(x, row, grid, first, count, channels, out);
}
void winograd_output(const float* products, const TileGrid& grid, int64_t first, int64_t count,
                     int64_t channels, const float* bias, const float* residual, float* y) {
  HWY_DYNAMIC_DISPATCH(winograd_output)
  (products, grid, first, count, channels, bias, residual, y);
}

void winograd_multiply(const float* tiles, const float* weight, int64_t points, int64_t count,
                       int64_t in, int64_t out, float* products) {
  HWY_DYNAMIC_DISPATCH(winograd_multiply)
  (tiles, weight, points, count, in, out, products);
}

}  // namespace ctclip::nn
#endif
