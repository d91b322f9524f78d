#pragma once

#include <cstdint>
#include <vector>

#include "base/lazy_tensor.h"
#include "base/tensor.h"
#include "nn/image_kernels.h"
#include "nn/matmul.h"
#include "nn/workspace.h"

namespace ctclip::nn {

/// 3x3 convolution, padding 1, stride 1, by Winograd's minimal filtering F(4x4, 3x3) or F(2x2, 3x3)
/// (Lavin & Gray, arXiv:1509.09308): 4 or 2.25 times fewer multiplications than the definition.
/// Blocks of tiles are transformed, multiplied (one product for each point of a tile) and
/// transformed back while they are in the L2 cache. Weights are transformed once, in double.
/// Immutable; any number of threads may call it.
class Winograd {
 public:
  /// `weight` (out, in, 3, 3), `bias` (out) or empty; in and out multiples of 16; `side` 2 or 4.
  Winograd(const LazyTensor& weight, const Tensor& bias, int64_t height, int64_t width,
           int64_t side);

  /// x (height, width, in) -> y (height, width, out) = convolution + bias + residual; the residual
  /// may be null or y.
  void operator()(const float* x, float* y, const float* residual, Workspace& work) const;

 private:
  void multiply(int64_t tiles);

  TileGrid grid_;
  int64_t in_, out_, block_;
  SharedTensor weight_;  // (points, in, out)
  Tensor bias_;
  std::vector<BatchMatMul> products_;  // for whole blocks, and for the last one where it is shorter
};

}  // namespace ctclip::nn
