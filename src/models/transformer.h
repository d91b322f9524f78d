#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "base/watch.h"
#include "checkpoint/checkpoint.h"
#include "models/layers.h"
#include "nn/attention.h"
#include "nn/engine.h"
#include "nn/matmul.h"
#include "nn/workspace.h"

namespace ctclip::models {

/// The residual stream after a step, for tests that replay the reference's intermediates. Empty in
/// production.
using Trace = std::function<void(std::string_view step, const Tensor& x)>;

/// Token grid: T x H x W tokens of `dim` values.
struct Grid {
  int64_t t = 0, h = 0, w = 0;
  int64_t tokens() const { return t * h * w; }
};

/// What the forward passes of a network share.
struct Pass {
  const nn::Engine& engine;
  nn::Workspace& work;
  Watch& watch;
  const Trace& trace;
};

/// PEG of CT-ViT: x + depthwise 3x3x3 convolution, zero padding, causal in t (two before, none
/// after).
class PositionEncodingGenerator {
 public:
  PositionEncodingGenerator(const Weights& scope, int64_t dim);
  /// x (T, H, W, D) as the memory lies -> out, another buffer of the same size.
  void operator()(const float* x, const Grid& grid, float* out, const Pass& pass) const;

 private:
  Tensor weight_;  // (27, D): tap-major, so that channels are contiguous
  Tensor bias_;    // (D)
};

/// Cosine-similarity attention of CT-ViT: q of the normalised tokens, k and v of the tokens
/// themselves, unit heads with learned scales, scores = 8 q.k + bias, softmax over keys.
class CosineAttention {
 public:
  /// For `sequences` sequences of `length` tokens.
  CosineAttention(const Weights& scope, int64_t dim, int64_t heads, int64_t sequences,
                  int64_t length, const nn::Engine& engine);
  /// x (sequences, length, D) += attention(x); `bias` (heads, length, length) or null.
  void operator()(float* x, const Tensor* bias, const Pass& pass) const;

 private:
  // One sequence: q (length, heads * head_dim), kv (length, 2, heads * head_dim).
  void attend(const float* q, const float* kv, const Tensor* bias, float* out,
              nn::Workspace& work) const;

  int64_t dim_, heads_, head_dim_, sequences_, length_;
  LayerNorm norm_;
  nn::Linear to_q_, to_kv_, to_out_;
  Tensor q_scale_, k_scale_;  // (head_dim); the 8 of the scores is in q_scale_
  int64_t group_;             // short sequences that share a task
  nn::HeadAttention head_;
};

/// x += W2 geglu(W1 LN(x)).
class FeedForward {
 public:
  FeedForward(const Weights& scope, int64_t dim, const nn::Engine& engine);
  void operator()(float* x, int64_t rows, const Pass& pass) const;

 private:
  int64_t dim_, inner_;
  bool rounded_;
  LayerNorm norm_;
  nn::Linear up_, down_;
};

/// One of the two transformers of CT-ViT. Sequences of `length` tokens; each PEG reads the whole
/// memory as a T x H x W grid.
class Transformer {
 public:
  Transformer(const Weights& scope, int64_t dim, int64_t heads, int64_t sequences, int64_t length,
              const nn::Engine& engine);
  /// x (sequences, length, D) -> the same shape, after norm_out. `name` is the prefix of the traced
  /// steps.
  Tensor operator()(Tensor x, const Grid& grid, const Tensor* bias, std::string_view name,
                    const Pass& pass) const;

 private:
  struct Layer {
    PositionEncodingGenerator peg;
    CosineAttention attention;
    FeedForward feed_forward;
  };
  std::vector<Layer> layers_;
  LayerNorm norm_out_;
};

}  // namespace ctclip::models
