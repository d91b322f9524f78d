#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/unet_attention.h"
#include "models/unet_layers.h"

namespace ctclip::models {

/// The anomaly detector's denoiser: class-conditional UNet of guided diffusion (arXiv:2105.05233)
/// with learned-range variance. A noisy slice (S, S), a time step and a class -> predicted noise
/// and variance coefficient. Immutable once built; any number of threads may call it, each call
/// computes one slice on its own thread.
class DiffusionUnet {
 public:
  /// What the shapes in a checkpoint cannot tell.
  struct Options {
    int64_t image_size = 256;
    int64_t heads = 1;  ///< of each attention block
  };
  /// Everything in the state dict must be needed. Throws Error{bad_model}: which tensor, both
  /// shapes.
  DiffusionUnet(const Weights& weights, const Options& options, const nn::Engine& engine);

  int64_t image_size() const { return options_.image_size; }
  int64_t classes() const { return labels_.dim(0); }
  /// Multiplications and additions of the convolutions of one evaluation, by their definition.
  int64_t flops() const { return flops_; }

  /// x (S, S) -> (2, S, S): noise, variance coefficient.
  Tensor operator()(const float* x, int64_t t, int64_t label, const Pass& pass) const;

 private:
  struct Encoder {  // one of residual block and down-sampling
    std::optional<ResidualBlock> residual;
    std::optional<AttentionBlock> attention;
    std::optional<nn::Convolution> down;
  };
  struct Decoder {
    ResidualBlock residual;
    std::optional<AttentionBlock> attention;
    std::optional<nn::Convolution> up;  // behind nearest-neighbour up-sampling
  };
  struct Builder;

  Image run(const Encoder& block, const Image& x, const Tensor& time, const Pass& pass) const;
  Image run(const Decoder& block, const Image& x, const Tensor& time, const Pass& pass) const;
  Tensor embed(int64_t t, int64_t label) const;

  Options options_;
  TimeEmbedding time_;
  Tensor labels_;  // (classes, embedding)
  nn::Convolution stem_;
  std::vector<Encoder> encoder_;
  std::vector<Encoder> middle_;
  std::vector<Decoder> decoder_;
  GroupNorm norm_;
  nn::Convolution out_;
  int64_t flops_ = 0;
};

}  // namespace ctclip::models
