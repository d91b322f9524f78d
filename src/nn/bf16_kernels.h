#pragma once

#include <cstdint>

#include "base/bfloat16.h"
#include "nn/attention_kernels.h"
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

/// What `attend_bf16` is for; other shapes are multiplied in float32.
constexpr bool attends_bf16(int64_t length, int64_t dim) {
  return length % 16 == 0 && dim % 16 == 0;
}
/// As pack_head, rounded: keys (dim / 2, length, 2) and values (length / 2, dim, 2).
PackedHead<Bfloat16> pack_head_bf16(const float* keys, const float* values, int64_t stride,
                                    int64_t length, int64_t dim, float* memory);
/// As attend. The softmax is of float32; its numerators are rounded for the second product and
/// divided by their sum behind it.
void attend_bf16(const HeadRows<const float>& q, const PackedHead<Bfloat16>& head,
                 const float* bias, const HeadRows<float>& out, float* scratch);

/// As normalise_silu, to some 1e-4 of the value: what follows is rounded to 4e-3 of it.
void normalise_silu_bf16(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                         float* out);
/// As normalise_silu_pool, likewise.
void normalise_silu_pool_bf16(const float* x, int64_t h, int64_t w, int64_t channels,
                              const ChannelMap& map, float* normed, float* plain);

}  // namespace ctclip::nn
