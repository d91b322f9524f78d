#pragma once

#include <cstdint>
#include <map>

#include "base/lazy_tensor.h"
#include "base/tensor.h"
#include "nn/bf16_kernels.h"
#include "nn/channel_moments.h"
#include "nn/engine.h"
#include "nn/image_kernels.h"
#include "nn/matmul.h"
#include "nn/winograd_kernels.h"
#include "nn/workspace.h"

namespace ctclip::nn {

/// What a convolution does for its neighbours while its rows are in the cache.
struct Fused {
  const ChannelMap* silu = nullptr;   ///< convolves silu(map(x)) instead of x
  ChannelMoments* moments = nullptr;  ///< gathers those of y
};

/// 3x3 convolution, padding 1, stride 1, by Winograd's minimal filtering F(4x4, 3x3) or F(2x2, 3x3)
/// (Lavin & Gray, arXiv:1509.09308): 4 or 2.25 times fewer multiplications than the definition.
/// It goes down the image in bands of tiles: their rows are normalised, blocks of tiles
/// transformed, multiplied (one product for each point of a tile) and transformed back, and the
/// moments of the result taken while all of that is in the L2 cache; the image itself is read and
/// written once. Weights are transformed once, in double. In bf16 tiles and weights are rounded
/// when they have been transformed; everything else stays float32. Immutable; any number of threads
/// may call it.
class Winograd {
 public:
  /// `weight` (out, in, 3, 3), `bias` (out) or empty; in and out multiples of 16; `side` 2 or 4. In
  /// bf16 only 2: F(4x4, 3x3) would be four to eight times as far off as the definition in bf16,
  /// F(2x2, 3x3) is 5/3 times.
  Winograd(const LazyTensor& weight, const Tensor& bias, int64_t height, int64_t width,
           int64_t side, Precision precision = Precision::f32);

  /// x (height, width, in) -> y (height, width, out) = convolution + bias + residual; the residual
  /// may be null or y.
  void operator()(const float* x, float* y, const float* residual, const Fused& fused,
                  Workspace& work) const;

 private:
  struct Rows;
  /// Rows of tiles in a band, and its tiles.
  int64_t band_rows() const;
  int64_t band_tiles() const { return band_rows() * grid_.across(); }
  void plan(int64_t tiles);
  void transform_and_multiply(const Rows& source, int64_t first, int64_t count, float* given,
                              float* products) const;
  void convolve(const Rows& source, int64_t first, int64_t tiles, float* y, const float* residual,
                Workspace& work) const;

  const Bfloat16* rounded_weight() const {
    return reinterpret_cast<const Bfloat16*>(rounded_.data.get());
  }

  Precision precision_;
  TileGrid grid_;
  int64_t in_, out_, block_;
  SharedTensor weight_;  // (points, in, out) in float32,
  SharedBytes rounded_;  // or (points, in / 2, out, 2) in bf16
  Tensor bias_;
  std::map<int64_t, BatchMatMul> products_;  // by tiles of a block, where channels are many
};

}  // namespace ctclip::nn
