#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/writer.h"

namespace ctclip {

/// Hyper-parameters of a UNet of guided diffusion (arXiv:2105.05233).
struct UnetShape {
  int64_t image = 256;
  int64_t channels = 128;
  std::vector<int64_t> multipliers = {1, 2, 4, 8};  ///< of the channels, by level
  int64_t blocks = 2;                               ///< residual blocks of a level
  std::vector<int64_t> attention;                   ///< down-sampling factors with attention
};

/// The clinical sizes, or those of the golden diffusion_classifier_tiny and diffusion_unet_tiny.
UnetShape slice_classifier_shape(bool full_size);
UnetShape diffusion_unet_shape(bool full_size);

/// Every tensor of the slice classifier's state dict in its order: the encoder half, residual
/// blocks that pool, attention pooling, two classes.
std::vector<TensorSpec> slice_classifier_layout(const UnetShape& shape);

/// Every tensor of the class-conditional denoiser's state dict in its order: convolutions that
/// resample, two classes, two output channels.
std::vector<TensorSpec> diffusion_unet_layout(const UnetShape& shape);

}  // namespace ctclip
