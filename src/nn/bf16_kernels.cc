#include "nn/bf16_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "nn/bf16_intrinsics.h"

#if defined(__x86_64__)

namespace ctclip::nn {
namespace {

constexpr int64_t kAhead = 1024;  // floats: a processor does not foresee the next page

// The rounded values in the lower halves of 32 bits.
CTCLIP_BF16_INLINE __m512i widened(V value) { return _mm512_cvtepu16_epi32(rounded(value)); }

// B^T d for one line of a tile, as in winograd_kernels.cc.
CTCLIP_BF16_INLINE void input_line(V (&d)[4]) {
  const V d1 = d[1];
  const V d2 = d[2];
  d[0] -= d2;
  d[1] = d1 + d2;
  d[2] = d2 - d1;
  d[3] = d1 - d[3];
}

// Column `left` of the tiles' rows that begin at `top`; outside of the image it is zero.
CTCLIP_BF16_INLINE void take_column(const float* x, int64_t row, const TileGrid& grid, int64_t top,
                                    int64_t left, int64_t channels, V (&column)[4]) {
  const bool inside = left >= 0 && left < grid.width;
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t line = top + i;
    const bool there = inside && line >= 0 && line < grid.height;
    column[i] = there ? _mm512_loadu_ps(x + ((line - row) * grid.width + left) * channels)
                      : _mm512_setzero_ps();
  }
  input_line(column);
}

// One vector of channels of tiles beside each other: they share two columns with their neighbours.
CTCLIP_BF16_INLINE void input_run(const float* x, int64_t row, const TileGrid& grid, int64_t top,
                                  int64_t left, int64_t tiles, int64_t channels, int64_t stride,
                                  Bfloat16* out) {
  V columns[4][4];  // column, row
  take_column(x, row, grid, top, left, channels, columns[0]);
  take_column(x, row, grid, top, left + 1, channels, columns[1]);
  for (int64_t tile = 0; tile < tiles; ++tile, left += 2, out += channels) {
    take_column(x, row, grid, top, left + 2, channels, columns[2]);
    take_column(x, row, grid, top, left + 3, channels, columns[3]);
    for (int i = 0; i < 4; ++i) {
      V line[4] = {columns[0][i], columns[1][i], columns[2][i], columns[3][i]};
      input_line(line);
      for (int j = 0; j < 4; ++j) store_rounded(line[j], out + (i * 4 + j) * stride);
      columns[0][i] = columns[2][i];
      columns[1][i] = columns[3][i];
    }
  }
}

// sums += a (kRows, in) times kVectors vectors of columns of b (in / 2, out, 2).
template <int kRows, int kVectors>
CTCLIP_BF16_INLINE void add_products(const Bfloat16* a, int64_t in, const Bfloat16* b, int64_t out,
                                     V (&sums)[kRows][kVectors]) {
  for (int64_t k = 0; k < in; k += 2) {
    __m512bh right[kVectors];
    for (int j = 0; j < kVectors; ++j) {
      right[j] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + k * out + j * 2 * kLanes));
    }
    for (int i = 0; i < kRows; ++i) {
      int32_t pair;
      std::memcpy(&pair, a + i * in + k, sizeof pair);
      const auto left = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
      for (int j = 0; j < kVectors; ++j) {
        sums[i][j] = _mm512_dpbf16_ps(sums[i][j], left, right[j]);
      }
    }
  }
}

template <int kRows, int kVectors>
CTCLIP_BF16_INLINE void multiply_rows(const Bfloat16* a, int64_t in, const Bfloat16* b, int64_t out,
                                      float* c) {
  V sums[kRows][kVectors];
  for (auto& line : sums) {
    for (V& sum : line) sum = _mm512_setzero_ps();
  }
  add_products<kRows, kVectors>(a, in, b, out, sums);
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) _mm512_storeu_ps(c + i * out + j * kLanes, sums[i][j]);
  }
}

template <int kVectors>
CTCLIP_BF16_INLINE void multiply_columns(const Bfloat16* a, int64_t count, int64_t in,
                                         const Bfloat16* b, int64_t out, float* c) {
  constexpr int kRows = 8;
  int64_t row = 0;
  for (; row + kRows <= count; row += kRows) {
    multiply_rows<kRows, kVectors>(a + row * in, in, b, out, c + row * out);
  }
  for (; row < count; ++row) multiply_rows<1, kVectors>(a + row * in, in, b, out, c + row * out);
}

CTCLIP_BF16_INLINE V mapped(V value, int64_t c, const ChannelMap& map) {
  return (value - _mm512_loadu_ps(map.mean + c)) * _mm512_loadu_ps(map.gain + c) +
         _mm512_loadu_ps(map.shift + c);
}

CTCLIP_BF16_INLINE V silu(V u) { return u * sigmoid_roughly(u); }

// a (count, in) times b (in / 2, out, 2).
CTCLIP_BF16_INLINE void multiply(const Bfloat16* a, int64_t count, int64_t in, const Bfloat16* b,
                                 int64_t out, float* c) {
  int64_t column = 0;
  for (; column + 2 * kLanes <= out; column += 2 * kLanes) {
    multiply_columns<2>(a, count, in, b + 2 * column, out, c + column);
  }
  for (; column < out; column += kLanes) {
    multiply_columns<1>(a, count, in, b + 2 * column, out, c + column);
  }
}

// Scores of kRows queries with kVectors vectors of keys: q k^T + bias, and the largest so far.
template <int kRows, int kVectors>
CTCLIP_BF16_INLINE void score_keys(const Bfloat16* queries, const PackedHead<Bfloat16>& head,
                                   int64_t key, const float* bias, V (&largest)[kRows],
                                   float* scores) {
  V sums[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) {
      const int64_t at = i * head.length + key + j * kLanes;
      sums[i][j] = bias == nullptr ? _mm512_setzero_ps() : _mm512_loadu_ps(bias + at);
    }
  }
  add_products<kRows, kVectors>(queries, head.dim, head.keys + 2 * key, head.length, sums);
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) {
      largest[i] = _mm512_max_ps(largest[i], sums[i][j]);
      _mm512_storeu_ps(scores + i * head.length + key + j * kLanes, sums[i][j]);
    }
  }
}

// exp(scores - top), rounded, and its sum before that. Meanwhile the line of the bias that is next
// comes into the cache: all of it is read once for each sequence, and is larger than the caches.
CTCLIP_BF16_INLINE float softmax_numerator(const float* scores, V top, int64_t length,
                                           const float* next_bias, Bfloat16* weights) {
  V sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < length; i += kLanes) {
    _mm_prefetch(next_bias + i, _MM_HINT_T1);
    const V e = exp_roughly(_mm512_loadu_ps(scores + i) - top);
    sum += e;
    store_rounded(e, weights + i);
  }
  return _mm512_reduce_add_ps(sum);
}

// The numerators of kRows rows of softmax(q k^T + bias), and one over the sum of each.
template <int kRows>
CTCLIP_BF16_INLINE void softmax_rows(const Bfloat16* queries, const PackedHead<Bfloat16>& head,
                                     const float* bias, const float* next_bias, float* scores,
                                     Bfloat16* weights, float* factors) {
  V largest[kRows];
  for (V& top : largest) top = _mm512_set1_ps(-INFINITY);
  int64_t key = 0;
  for (; key + 2 * kLanes <= head.length; key += 2 * kLanes) {
    score_keys<kRows, 2>(queries, head, key, bias, largest, scores);
  }
  if (key < head.length) score_keys<kRows, 1>(queries, head, key, bias, largest, scores);
  for (int i = 0; i < kRows; ++i) {
    const V top = _mm512_set1_ps(_mm512_reduce_max_ps(largest[i]));
    factors[i] = 1 / softmax_numerator(scores + i * head.length, top, head.length,
                                       next_bias + i * head.length, weights + i * head.length);
  }
}

CTCLIP_BF16 void pack_keys(const float* keys, int64_t length, int64_t stride, int64_t dim,
                           Bfloat16* out) {
  for (int64_t row = 0; row < length; ++row) {
    for (int64_t c = 0; c < dim; c += kLanes) {
      Bfloat16 rounded[kLanes];
      store_rounded(_mm512_loadu_ps(keys + row * stride + c), rounded);
      for (int64_t i = 0; i < kLanes; i += 2) {
        std::memcpy(out + ((c + i) / 2 * length + row) * 2, rounded + i, 2 * sizeof(Bfloat16));
      }
    }
  }
}

CTCLIP_BF16 void pack_values(const float* values, int64_t length, int64_t stride, int64_t dim,
                             Bfloat16* out) {
  for (int64_t row = 0; row < length; row += 2) {
    for (int64_t c = 0; c < dim; c += kLanes, out += 2 * kLanes) {
      const float* at = values + row * stride + c;
      const __m512i upper = widened(_mm512_loadu_ps(at + stride));
      const __m512i pairs =
          _mm512_or_si512(_mm512_slli_epi32(upper, 16), widened(_mm512_loadu_ps(at)));
      _mm512_storeu_si512(out, pairs);
    }
  }
}

}  // namespace

CTCLIP_BF16 void winograd_input_bf16(const float* x, int64_t row, const TileGrid& grid,
                                     int64_t first, int64_t count, int64_t channels,
                                     Bfloat16* out) {
  const int64_t stride = point_stride_bf16(count, channels);
  while (count > 0) {
    const int64_t column = first % grid.across();
    const int64_t tiles = std::min(count, grid.across() - column);
    for (int64_t c = 0; c < channels; c += kLanes) {
      input_run(x + c, row, grid, first / grid.across() * 2 - 1, column * 2 - 1, tiles, channels,
                stride, out + c);
    }
    first += tiles;
    count -= tiles;
    out += tiles * channels;
  }
}

CTCLIP_BF16 void winograd_multiply_bf16(const Bfloat16* tiles, const Bfloat16* weight,
                                        int64_t points, int64_t count, int64_t in, int64_t out,
                                        float* products) {
  for (int64_t point = 0; point < points; ++point) {
    multiply(tiles, count, in, weight, out, products);
    tiles += point_stride_bf16(count, in);
    products += point_stride(count, out);
    weight += in * out;
  }
}

PackedHead<Bfloat16> pack_head_bf16(const float* keys, const float* values, int64_t stride,
                                    int64_t length, int64_t dim, float* memory) {
  Bfloat16* packed_keys = as_bf16(memory);
  Bfloat16* packed_values = packed_keys + length * dim;
  pack_keys(keys, length, stride, dim, packed_keys);
  pack_values(values, length, stride, dim, packed_values);
  return {packed_keys, packed_values, length, dim};
}

CTCLIP_BF16 void attend_bf16(const HeadRows<const float>& q, const PackedHead<Bfloat16>& head,
                             const float* bias, const HeadRows<float>& out, float* scratch) {
  const int64_t length = head.length;
  const int64_t dim = head.dim;
  float* scores = scratch;
  float* sums = scores + kAttended * length;
  Bfloat16* weights = as_bf16(sums + kAttended * dim);
  Bfloat16* queries = weights + kAttended * length;
  const auto bias_of = [&](int64_t row) { return bias == nullptr ? bias : bias + row * length; };
  for (int64_t row = 0; row < q.rows; row += kAttended) {
    const int64_t rows = std::min(kAttended, q.rows - row);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t c = 0; c < dim; c += kLanes) {
        store_rounded(_mm512_loadu_ps(q.data + (row + i) * q.stride + c), queries + i * dim + c);
      }
    }
    float factors[kAttended];
    if (rows == kAttended) {
      const bool ends = bias == nullptr || row + 2 * kAttended > q.rows;
      const float* next = ends ? scores : bias_of(row + kAttended);
      softmax_rows<kAttended>(queries, head, bias_of(row), next, scores, weights, factors);
    } else {
      for (int64_t i = 0; i < rows; ++i) {
        softmax_rows<1>(queries + i * dim, head, bias_of(row + i), scores, scores,
                        weights + i * length, factors + i);
      }
    }
    multiply(weights, rows, length, head.values, dim, sums);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t c = 0; c < dim; c += kLanes) {
        _mm512_storeu_ps(out.data + (row + i) * out.stride + c,
                         _mm512_loadu_ps(sums + i * dim + c) * _mm512_set1_ps(factors[i]));
      }
    }
  }
}

CTCLIP_BF16 void normalise_silu_bf16(const float* x, int64_t positions, int64_t channels,
                                     const ChannelMap& map, float* out) {
  for (int64_t p = 0; p < positions; ++p, x += channels, out += channels) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      __builtin_prefetch(x + c + kAhead);
      _mm512_storeu_ps(out + c, silu(mapped(_mm512_loadu_ps(x + c), c, map)));
    }
  }
}

CTCLIP_BF16 void normalise_silu_pool_bf16(const float* x, int64_t h, int64_t w, int64_t channels,
                                          const ChannelMap& map, float* normed, float* plain) {
  const V quarter = _mm512_set1_ps(0.25F);
  const int64_t line = 2 * w * channels;
  for (int64_t p = 0; p < h * w; ++p, normed += channels, plain += channels) {
    const float* corner = x + p / w * 2 * line + p % w * 2 * channels;
    for (int64_t c = 0; c < channels; c += kLanes) {
      V sum = _mm512_setzero_ps();
      V active = _mm512_setzero_ps();
      for (const int64_t place : {int64_t{0}, channels, line, line + channels}) {
        __builtin_prefetch(corner + place + c + kAhead);
        const V value = _mm512_loadu_ps(corner + place + c);
        sum += value;
        active += silu(mapped(value, c, map));
      }
      _mm512_storeu_ps(normed + c, active * quarter);
      _mm512_storeu_ps(plain + c, sum * quarter);
    }
  }
}

}  // namespace ctclip::nn

#else

// `multiplies_bf16` is false here, so nobody calls these.
namespace ctclip::nn {

void winograd_input_bf16(const float*, int64_t, const TileGrid&, int64_t, int64_t, int64_t,
                         Bfloat16*) {
  std::abort();
}
void winograd_multiply_bf16(const Bfloat16*, const Bfloat16*, int64_t, int64_t, int64_t, int64_t,
                            float*) {
  std::abort();
}
PackedHead<Bfloat16> pack_head_bf16(const float*, const float*, int64_t, int64_t, int64_t, float*) {
  std::abort();
}
void attend_bf16(const HeadRows<const float>&, const PackedHead<Bfloat16>&, const float*,
                 const HeadRows<float>&, float*) {
  std::abort();
}
void normalise_silu_bf16(const float*, int64_t, int64_t, const ChannelMap&, float*) {
  std::abort();
}
void normalise_silu_pool_bf16(const float*, int64_t, int64_t, int64_t, const ChannelMap&, float*,
                              float*) {
  std::abort();
}

}  // namespace ctclip::nn

#endif
