#pragma once

#include <cstdint>
#include <memory>

#include "base/bfloat16.h"
#include "base/lazy_tensor.h"
#include "base/tensor.h"
#include "nn/engine.h"

namespace ctclip::nn {

/// y = x W^T + bias, torch.nn.Linear: weight (out, in), bias (out). The weight is packed once, when
/// the layer is built, in the engine's precision, and the primitives are kept by row count.
/// Immutable; any number of threads may call it, each call computes on its own thread.
class Linear {
 public:
  /// `bias` may be empty. `usual_rows` is the row count that most calls will have: the packing is
  /// chosen for it.
  Linear(const LazyTensor& weight, const Tensor& bias, const Engine& engine,
         int64_t usual_rows = 128);
  ~Linear();
  Linear(Linear&&) noexcept;
  Linear& operator=(Linear&&) noexcept;

  int64_t in() const { return in_; }
  int64_t out() const { return out_; }

  /// x (rows, in) -> y (rows, out); `add_to_y` adds to what is in y (the residual stream) instead
  /// of overwriting it.
  void operator()(const float* x, int64_t rows, float* y, bool add_to_y = false) const;
  /// The same of what is rounded already; for a layer of bf16 alone.
  void operator()(const Bfloat16* x, int64_t rows, float* y, bool add_to_y = false) const;

 private:
  struct Impl;
  int64_t in_, out_;
  std::unique_ptr<Impl> impl_;
};

/// A view of `batch` x `heads` matrices in one buffer, strides in floats.
struct MatrixBatch {
  int64_t batch, heads, rows, columns;
  int64_t batch_stride, head_stride, row_stride, column_stride;
};

/// c = a b for every (batch, head), with the views fixed when it is built. Immutable, any number of
/// threads.
class BatchMatMul {
 public:
  BatchMatMul(const MatrixBatch& a, const MatrixBatch& b, const MatrixBatch& c);
  ~BatchMatMul();
  BatchMatMul(BatchMatMul&&) noexcept;
  BatchMatMul& operator=(BatchMatMul&&) noexcept;

  void operator()(const float* a, const float* b, float* c) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ctclip::nn
