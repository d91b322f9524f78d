#include "detectors/operations.h"

#include <string>

#include "base/tensor.h"
#include "models/layers.h"

namespace ctclip {
namespace {

int64_t size_of(const Weights& scope, const std::string& name) {
  return element_count(scope.shape(name));
}

/// Multiply-accumulates that each token costs in a transformer whose sequences have `length`.
int64_t transformer_macs(const Weights& scope, int64_t length) {
  const Weights layers = scope.scope("layers");
  int64_t macs = 0;
  for (int64_t i = 0; i < models::count_layers(layers, "1.to_q.weight"); ++i) {
    const Weights layer = layers.scope(std::to_string(i));
    for (const char* each : {"0.dsconv.weight", "1.to_q.weight", "1.to_kv.weight",
                             "1.to_out.weight", "3.1.weight", "3.4.weight"}) {
      macs += size_of(layer, each);
    }
    macs += 2 * length * layer.shape("1.to_q.weight").at(0);  // scores and values
  }
  return macs;
}

}  // namespace

int64_t encoder_operations(const Weights& weights, const models::CtVitGeometry& geometry) {
  const Weights vit = weights.scope("visual_transformer");
  const models::Grid grid = geometry.grid();
  const int64_t of_token = size_of(vit, "to_patch_emb.2.weight") +
                           transformer_macs(vit.scope("enc_spatial_transformer"), grid.h * grid.w) +
                           transformer_macs(vit.scope("enc_temporal_transformer"), grid.t) +
                           size_of(vit, "vq._codebook.embed");
  return 2 * (grid.tokens() * of_token + size_of(weights, "to_visual_latent.weight"));
}

}  // namespace ctclip
