#pragma once

#include <cstdint>

#include "nn/attention_kernels.h"
#include "nn/engine.h"
#include "nn/workspace.h"

namespace ctclip::nn {

/// Attention of one head over `length` keys of `dim` values in the engine's precision, without the
/// matrix of all scores (the softmax of Vaswani et al., arXiv:1706.03762, section 3.2.1; what
/// scales the scores is in q).
class HeadAttention {
 public:
  HeadAttention(int64_t length, int64_t dim, const Engine& engine);

  /// out = softmax(q k^T + bias) v; keys and values (length, dim) with `stride` floats from row to
  /// row, bias (rows of q, length) or null.
  void operator()(const HeadRows<const float>& q, const float* keys, const float* values,
                  int64_t stride, const float* bias, const HeadRows<float>& out,
                  Workspace& work) const;

 private:
  int64_t length_, dim_;
  bool rounded_;  // the products are of bf16
};

}  // namespace ctclip::nn
