#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "checkpoint/checkpoint.h"
#include "models/transformer.h"
#include "nn/channel_moments.h"
#include "nn/convolution.h"
#include "nn/image_kernels.h"
#include "nn/matmul.h"
#include "nn/workspace.h"

namespace ctclip::models {

/// The parts that the two networks of the anomaly detector share: the UNet of guided diffusion
/// (Dhariwal & Nichol, arXiv:2105.05233). They compute one slice on the thread that calls them;
/// slices are spread over the pool by the detector.

using ImageSize = nn::Convolution::Size;

/// Activations of one slice, (height, width, channels), in memory that a workspace lends.
struct Image {
  ImageSize size;
  int64_t channels;
  nn::Workspace::Lease memory;
  /// Where the layer that made it gathered them; they belong to what `memory` holds then.
  std::optional<nn::ChannelMoments> moments = {};

  static Image borrow(nn::Workspace& work, ImageSize size, int64_t channels);
  int64_t positions() const { return size.height * size.width; }
  int64_t count() const { return positions() * channels; }
  float* data() { return memory.data(); }
  const float* data() const { return memory.data(); }
  /// (channels, height, width), as the reference has it, for a trace.
  Tensor planes() const;
};

/// How a group norm acted on an image; what its backward pass needs.
struct NormMap {
  nn::Workspace::Lease memory;
  int64_t channels;
  nn::ChannelMap map();
};

/// torch.nn.GroupNorm, 32 groups, epsilon 1e-5, with what follows it folded in.
class GroupNorm {
 public:
  GroupNorm(const Weights& scope, int64_t channels);
  /// The map that normalises x and then applies weight, bias and, where given, y (1 + scale) +
  /// shift; `scale_shift` (2, channels) or null.
  NormMap map(const Image& x, const float* scale_shift, nn::Workspace& work) const;
  /// grad_x += gradient with respect to x, from `grad`, the one with respect to the map's result.
  static void backward(const Image& x, NormMap& map, const float* grad, float* grad_x);

 private:
  Tensor weight_, bias_;
};

/// Sinusoid of a time step, Linear, SiLU, Linear.
class TimeEmbedding {
 public:
  /// `scope`: "time_embed"; `channels`: of the model.
  TimeEmbedding(const Weights& scope, int64_t channels, const nn::Engine& engine);
  int64_t size() const { return second_.out(); }
  /// cos(t f_i), then sin(t f_i), f_i = 10000^(-i / half), in float32 as the reference.
  Tensor sinusoid(int64_t t) const;
  Tensor operator()(int64_t t) const;

 private:
  int64_t channels_;
  nn::Linear first_, second_;
};

/// A layer and, where gradients are asked for, the layer that carries a gradient back through it,
/// always in float32.
template <class Layer>
struct WithBackward {
  Layer forward;
  std::optional<Layer> backward;
};

/// torch.nn.Conv2d 3x3, padding 1, under `scope`; `out` may be -1: taken from the file.
WithBackward<nn::Convolution> take_convolution(const Weights& scope, int64_t in, int64_t out,
                                               ImageSize size, const nn::Engine& engine,
                                               bool gradient);
/// A 1x1 convolution under `scope`, weight (out, in, 1, 1) or (out, in, 1) by `axes`, for images of
/// so many positions.
WithBackward<nn::Linear> take_pointwise(const Weights& scope, int64_t in, int64_t out, int64_t axes,
                                        int64_t positions, const nn::Engine& engine, bool gradient);
/// The same from tensors: weight (out, in).
WithBackward<nn::Linear> make_pointwise(const LazyTensor& weight, const Tensor& bias,
                                        int64_t positions, const nn::Engine& engine, bool gradient);

/// Residual block with scale and shift by time, and with 2x2 average pooling inside where `down`.
class ResidualBlock {
 public:
  struct Options {
    bool down = false;
    bool gradient = false;  ///< build the backward pass
  };
  /// What the backward pass needs besides x.
  struct Tape {
    Image hidden;
    NormMap first, second;
  };
  ResidualBlock(const Weights& scope, int64_t in, int64_t embedding, ImageSize size,
                Options options, const nn::Engine& engine);

  int64_t out() const { return convolve_2_.forward.out(); }
  /// Multiplications and additions of one forward pass's convolutions, by their definition.
  int64_t flops() const;
  /// `time`: SiLU of the time embedding. Fills in `tape` where it is not null.
  Image operator()(const Image& x, const Tensor& time, const Pass& pass,
                   std::optional<Tape>* tape = nullptr) const;
  /// Gradient with respect to x from the one with respect to the result.
  Image backward(const Image& x, Tape& tape, const Image& grad, const Pass& pass) const;

 private:
  /// The first convolution, of silu(map(x)), pooled where the block pools; `small`: x pooled.
  Image convolved(const Image& x, const nn::ChannelMap& map, std::optional<Image>& small,
                  nn::Workspace& work) const;
  Image spread(const Image& grad, nn::Workspace& work) const;

  Options options_;
  bool rounded_;  // what is multiplied is of bf16
  GroupNorm norm_1_;
  WithBackward<nn::Convolution> convolve_1_;
  nn::Linear time_;
  GroupNorm norm_2_;
  WithBackward<nn::Convolution> convolve_2_;
  std::optional<WithBackward<nn::Linear>> skip_;  // where the channels change
};

/// One dimension of a tensor that must have `rank` of them. Throws Error{bad_model}.
int64_t dimension(const Weights& weights, const std::string& name, std::size_t axis,
                  std::size_t rank);

/// x = silu(x) of a vector.
Tensor silu_of(Tensor x);

}  // namespace ctclip::models
