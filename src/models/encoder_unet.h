#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/unet_attention.h"
#include "models/unet_layers.h"

namespace ctclip::models {

/// The anomaly detector's slice classifier: the encoder half of the UNet of guided diffusion
/// (arXiv:2105.05233) with attention pooling. A slice (S, S) in [-1, 1] and a time step -> logits
/// of the classes; class 0 is healthy. Immutable once built; any number of threads may call it,
/// each call computes one slice on its own thread.
class EncoderUnet {
 public:
  /// What the shapes in a checkpoint cannot tell.
  struct Options {
    int64_t image_size = 256;
    int64_t head_size = 64;  ///< channels of an attention head
    bool gradient = false;   ///< build the backward pass, too: guidance needs it
  };
  /// Everything in the state dict must be needed. Throws Error{bad_model}: which tensor, both
  /// shapes.
  EncoderUnet(const Weights& weights, const Options& options, const nn::Engine& engine);

  int64_t image_size() const { return options_.image_size; }
  int64_t classes() const { return pool_.classes(); }
  const TimeEmbedding& time() const { return time_; }

  /// Multiplications and additions of one forward pass, by the definition; a gradient has twice as
  /// many, since the way back has the same products.
  int64_t flops() const { return flops_; }

  /// slice (S, S) -> logits (classes).
  Tensor operator()(const float* slice, int64_t t, const Pass& pass) const;
  /// The same, and d/dslice log softmax(logits)[label] (S, S). Needs Options::gradient.
  Tensor gradient(const float* slice, int64_t t, int64_t label, float* grad,
                  const Pass& pass) const;

 private:
  struct Block {
    ResidualBlock residual;
    std::optional<AttentionBlock> attention;
  };
  struct Tape;  // what one forward pass leaves for its backward pass
  struct Plan;  // levels and blocks, from the shapes

  EncoderUnet(const Weights& weights, const Options& options, const Plan& plan,
              const nn::Engine& engine);
  Tensor forward(const float* slice, int64_t t, const Pass& pass, Tape* tape) const;
  Image backward(Tape& tape, const Tensor& grad_logits, const Pass& pass) const;

  Options options_;
  TimeEmbedding time_;
  WithBackward<nn::Convolution> stem_;
  std::vector<Block> blocks_;  // the input blocks but for the first, and the middle
  GroupNorm norm_;
  AttentionPool pool_;
  int64_t flops_ = 0;
};

}  // namespace ctclip::models
