#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/unet_layers.h"
#include "nn/attention.h"

namespace ctclip::models {

/// x + proj(softmax(q k^T / sqrt(d)) v) over all positions of an image, q, k, v of its group norm;
/// "legacy" order: the channels of qkv are split by head first, then into q, k, v.
class AttentionBlock {
 public:
  /// What the backward pass needs besides x.
  struct Tape {
    NormMap norm;
    nn::Workspace::Lease qkv;
  };
  /// `head_size` must divide `channels`. Throws Error{bad_model}.
  AttentionBlock(const Weights& scope, int64_t channels, int64_t head_size, ImageSize size,
                 const nn::Engine& engine, bool gradient);

  /// Multiplications and additions of one forward pass, by the definition.
  int64_t flops() const;
  Image operator()(const Image& x, const Pass& pass, std::optional<Tape>* tape = nullptr) const;
  Image backward(const Image& x, Tape& tape, const Image& grad, const Pass& pass) const;

 private:
  struct Backward {  // of one head
    nn::BatchMatMul scores, values, weights, queries, keys;
  };
  // softmax(q k^T) of one head, (positions, positions), from its part of qkv, for the gradient.
  void attention_weights(const float* qkv, float* scores, nn::Workspace& work) const;
  Backward make_backward() const;

  int64_t channels_, head_size_, positions_;
  GroupNorm norm_;
  WithBackward<nn::Linear> qkv_, out_;  // the scale of the scores is in the rows of q
  nn::HeadAttention head_;
  std::optional<Backward> backward_;
};

/// The classifier's head: attention of the mean over all positions to every position (CLIP's
/// attention pooling), then a Linear to the classes. Order of qkv: q, k, v, each split by head.
class AttentionPool {
 public:
  /// What the backward pass needs.
  struct Tape {
    nn::Workspace::Lease qkv;      // (positions + 1, 3 channels)
    nn::Workspace::Lease weights;  // (heads, positions + 1)
  };
  AttentionPool(const Weights& scope, int64_t channels, int64_t head_size, int64_t positions,
                const nn::Engine& engine, bool gradient);

  int64_t classes() const { return classes_.dim(0); }
  /// Multiplications and additions of one forward pass, by the definition.
  int64_t flops() const;
  /// x (positions, channels) -> logits (classes).
  Tensor operator()(const Image& x, const Pass& pass, std::optional<Tape>* tape = nullptr) const;
  /// Gradient with respect to x from the one with respect to the logits.
  Image backward(ImageSize size, Tape& tape, const Tensor& grad, const Pass& pass) const;

 private:
  int64_t channels_, head_size_, positions_;
  Tensor place_;  // (positions + 1, channels)
  WithBackward<nn::Linear> qkv_;
  Tensor classes_, bias_;  // (classes, channels), (classes)
};

}  // namespace ctclip::models
