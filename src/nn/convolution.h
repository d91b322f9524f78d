#pragma once

#include <cstdint>
#include <memory>

#include "base/lazy_tensor.h"
#include "base/tensor.h"
#include "nn/engine.h"
#include "nn/winograd.h"
#include "nn/workspace.h"

namespace ctclip::nn {

/// How a convolution is computed; chosen by shape and precision, by measurement
/// (bench/convolutions.cc).
enum class ConvolutionMethod { direct, winograd_2, winograd_4, winograd_2_bf16 };

/// 2-D convolution 3x3, padding 1, stride 1 or 2, torch.nn.Conv2d, for images (height, width,
/// channels) of one size. Weights are packed once, when the layer is built. Immutable; any number
/// of threads may call it, each call computes on its own thread.
class Convolution {
 public:
  struct Size {
    int64_t height, width;  ///< of the input
  };
  /// `weight` (out, in, 3, 3); `bias` (out) may be empty.
  Convolution(const LazyTensor& weight, const Tensor& bias, Size size, int64_t stride,
              const Engine& engine);
  Convolution(const LazyTensor& weight, const Tensor& bias, Size size, int64_t stride,
              const Engine& engine, ConvolutionMethod method);
  ~Convolution();
  Convolution(Convolution&&) noexcept;
  Convolution& operator=(Convolution&&) noexcept;

  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  /// Of the output: rounded up where the stride does not divide.
  Size output() const;
  /// Multiplications and additions of one call by the definition, whatever the method.
  int64_t flops() const;

  /// x (height, width, in) -> y (output, out) = convolution + bias + residual (null, y, or another
  /// image of y's size); `fused`: what comes before it and what is wanted behind it.
  void operator()(const float* x, float* y, Workspace& work, const float* residual = nullptr,
                  const Fused& fused = {}) const;

 private:
  void direct(const float* x, float* y, const float* residual, const Fused& fused,
              Workspace& work) const;

  struct Impl;
  int64_t in_, out_;
  Size size_;
  int64_t stride_;
  std::unique_ptr<Impl> impl_;
};

/// The method that a convolution of this shape takes.
ConvolutionMethod choose_method(int64_t in, int64_t out, Convolution::Size size, int64_t stride,
                                Precision precision);

/// The weights of the convolution that carries a gradient back through one of stride 1: in and out
/// change places, the taps are mirrored. (out, in, 3, 3) -> (in, out, 3, 3).
LazyTensor backward_weight(const LazyTensor& weight);

}  // namespace ctclip::nn
