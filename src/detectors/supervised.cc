#include "detectors/supervised.h"

#include <cmath>

#include "checkpoint/layouts.h"
#include "detectors/ctclip.h"
#include "nn/kernels.h"

namespace ctclip {
namespace {

std::vector<std::string> target_pathologies(const Weights& weights) {
  std::vector<std::string> listed = weights.checkpoint().strings("target_pathologies");
  return listed.empty() ? default_target_pathologies() : listed;
}

// The head looks at the image only, so a checkpoint's text half may be there or not.
bool is_unused(const std::string& name) {
  constexpr std::string_view kPrefix = "ct_clip.";
  if (!name.starts_with(kPrefix)) return false;
  const std::string inner = name.substr(kPrefix.size());
  return inner.starts_with("text_transformer.") || inner == "to_text_latent.weight" ||
         inner == "temperature" || has_no_effect(inner);
}

}  // namespace

Supervised::Supervised(const Weights& weights, const models::CtVitGeometry& geometry,
                       const nn::Engine& engine)
    : engine_(engine),
      pathologies_(target_pathologies(weights)),
      encode_(weights.scope("ct_clip"), geometry, engine),
      norm_(weights.scope("pre_head_norm"), encode_.latent_size(), 1e-5F),
      weight_(weights.take("classifier.1.weight",
                           {static_cast<int64_t>(pathologies_.size()), encode_.latent_size()})),
      bias_(weights.take("classifier.1.bias", {static_cast<int64_t>(pathologies_.size())})) {
  require_all_taken(weights, is_unused);
}

std::vector<double> Supervised::logits(const Tensor& image_latent, Tensor& normed) const {
  normed = Tensor::uninitialised({encode_.latent_size()});
  norm_(image_latent.data(), 1, normed.data());
  std::vector<double> out(pathologies_.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float* row = weight_.data() + static_cast<int64_t>(i) * normed.size();
    out[i] = nn::dot(row, normed.data(), normed.size()) + bias_.data()[i];
  }
  return out;
}

void Supervised::run(const DetectorInput& input, Scores& scores, Watch& watch) const {
  const Tensor latent = encode_(input.prepared, {engine_, input.work, watch, {}});
  Tensor normed;
  const std::vector<double> found = logits(latent, normed);
  std::vector<PathologyScore> probabilities;
  for (std::size_t i = 0; i < found.size(); ++i) {
    probabilities.push_back({pathologies_[i], 1 / (1 + std::exp(-found[i]))});
  }
  scores.supervised = std::move(probabilities);
  scores.supervised_latent.assign(latent.values().begin(), latent.values().end());
}

void Supervised::announce(Scores& scores) const {
  for (const std::string& pathology : pathologies_) scores.supervised.push_back({pathology, 0});
}

}  // namespace ctclip
