#pragma once

#include <cstdint>

#include "base/bfloat16.h"
#include "nn/image_kernels.h"
#include "nn/winograd_kernels.h"

namespace ctclip::nn {

/// Steps of a convolution whose products are of bfloat16 and whose sums are of float32,
/// single-threaded; only for a processor that `multiplies_bf16`. Channels are innermost and a
/// multiple of 16. They never validate.

/// Values from one point's (count, channels) to the next point's, as in `point_stride`.
constexpr int64_t point_stride_bf16(int64_t count, int64_t channels) {
  constexpr int64_t kLine = 32;
  return ((count * channels + kLine - 1) / kLine | 1) * kLine;
}

/// As winograd_input for tiles of side 2; rounded once, when a tile is transformed.
void winograd_input_bf16(const float* x, int64_t row, const TileGrid& grid, int64_t first,
                         int64_t count, int64_t channels, Bfloat16* out);
/// As winograd_multiply: tiles with `point_stride_bf16`, products with `point_stride`; weight
/// (points, in / 2, out, 2): two inputs beside each other.
void winograd_multiply_bf16(const Bfloat16* tiles, const Bfloat16* weight, int64_t points,
                            int64_t count, int64_t in, int64_t out, float* products);

/// What `attend_bf16` is for; other shapes are multiplied by oneDNN in float32.
constexpr bool attends_bf16(int64_t length, int64_t dim) {
  return length % 16 == 0 && dim % 16 == 0;
}
/// The keys (dim / 2, length, 2) and values (length / 2, dim, 2) of one head.
struct PackedHead {
  const Bfloat16* keys;
  const Bfloat16* values;
  int64_t length, dim;
};
/// Floats of memory for these.
constexpr int64_t packed_head_floats(int64_t length, int64_t dim) { return length * dim; }
/// Rounds and packs the keys and values, both (length, dim) with `stride` floats from row to row.
PackedHead pack_head_bf16(const float* keys, const float* values, int64_t stride, int64_t length,
                          int64_t dim, float* memory);

/// Rows of queries, or of what is made of them: (rows, dim), `stride` floats from row to row.
template <class Float>
struct HeadRows {
  Float* data;
  int64_t rows, stride;
};
/// Floats of scratch memory that `attend_bf16` needs.
constexpr int64_t attend_scratch(int64_t length, int64_t dim) { return 12 * length + 12 * dim; }
/// out = softmax(q k^T + bias) v of one head, a few rows at a time: the matrix of all scores never
/// exists. The softmax is of float32; its numerators are rounded for the second product and divided
/// by their sum behind it. bias (rows, length) or null.
void attend_bf16(const HeadRows<const float>& q, const PackedHead& head, const float* bias,
                 const HeadRows<float>& out, float* scratch);

/// As normalise_silu, to some 1e-4 of the value: what follows is rounded to 4e-3 of it.
void normalise_silu_bf16(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                         float* out);
/// As normalise_silu_pool, likewise.
void normalise_silu_pool_bf16(const float* x, int64_t h, int64_t w, int64_t channels,
                              const ChannelMap& map, float* normed, float* plain);

}  // namespace ctclip::nn
