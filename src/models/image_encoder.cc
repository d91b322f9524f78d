#include "models/image_encoder.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/kernels.h"

namespace ctclip::models {

void make_unit(Tensor& x) {
  const double norm = std::sqrt(nn::dot(x.data(), x.data(), x.size()));
  for (float& value : x.values()) value = static_cast<float>(value / std::max(norm, 1e-12));
}

ImageEncoder::ImageEncoder(const Weights& weights, const CtVitGeometry& geometry,
                           const nn::Engine& engine)
    : vit_(weights.scope("visual_transformer"), geometry, engine),
      projection_(weights.share("to_visual_latent.weight", {-1, vit_.embedding_size()})) {}

Tensor ImageEncoder::operator()(const Tensor& volume, const Pass& pass) const {
  const Tensor embedding = vit_.pool(vit_.encode(volume, pass));  // (h*w*D)
  if (pass.trace) pass.trace("image_embedding_mean_t", embedding);
  Tensor latent = Tensor::uninitialised({latent_size()});
  pass.engine.pool().run(latent_size(), [&](int64_t row) {
    const float* weights = projection_.data() + row * embedding.size();
    latent.data()[row] = static_cast<float>(nn::dot(weights, embedding.data(), embedding.size()));
  });
  if (pass.trace) pass.trace("image_latent_raw", latent);
  make_unit(latent);
  if (!std::ranges::all_of(latent.values(), [](float v) { return std::isfinite(v); })) {
    throw Error(Code::internal, "The image encoder gave a value that is not finite.");
  }
  return latent;
}

}  // namespace ctclip::models
