#pragma once

#include "base/tensor.h"
#include "models/ct_vit.h"

namespace ctclip::models {

/// Prepared volume (F, H, W) -> unit image latent: CT-ViT, mean over time, projection without bias.
class ImageEncoder {
 public:
  /// `weights`: a whole CT-CLIP ("visual_transformer.*", "to_visual_latent.weight"). Throws
  /// Error{bad_model}.
  ImageEncoder(const Weights& weights, const CtVitGeometry& geometry, const nn::Engine& engine);

  const CtVitGeometry& geometry() const { return vit_.geometry(); }
  int64_t latent_size() const { return projection_.dim(0); }
  /// (latent), of length 1. Throws Error{internal} where a value is not finite.
  Tensor operator()(const Tensor& volume, const Pass& pass) const;

 private:
  CtVit vit_;
  SharedTensor projection_;  // (latent, h*w*D)
};

/// x / max(|x|, 1e-12), the norm in double.
void make_unit(Tensor& x);

}  // namespace ctclip::models
