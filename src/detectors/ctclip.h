#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "detectors/detector.h"
#include "detectors/tokenizer.h"
#include "models/bert.h"
#include "models/image_encoder.h"

namespace ctclip {

/// Unit text latents of "<P> is present." and "<P> is not present." for each pathology P: (2 P,
/// latent), present first. The text encoder is needed for nothing else and may be dropped
/// afterwards.
Tensor text_latents(const models::Bert& bert, const Tensor& projection, const Tokenizer& tokenizer,
                    const std::vector<std::string>& pathologies, ThreadPool& pool);

/// The 52 pathologies that the reference asks CT-CLIP for, in its order.
const std::vector<std::string>& reference_pathologies();

/// CT-CLIP zero-shot (arXiv:2403.17834): probability of each pathology = softmax over the two
/// prompts of exp(temperature) <text latent, image latent>, first of the two.
class CtClip : public Detector {
 public:
  struct Options {
    std::vector<std::string> pathologies = reference_pathologies();
    models::CtVitGeometry geometry;
    int64_t text_heads = 12;  ///< of the text encoder; stands in no shape
  };
  /// `weights`: a CT-CLIP state dict. Everything in it must be needed or known to have no effect.
  /// Throws Error{bad_model}: which tensor, both shapes.
  CtClip(const Weights& weights, const Tokenizer& tokenizer, const Options& options,
         const nn::Engine& engine);

  std::string name() const override { return "ctclip"; }
  void run(const DetectorInput& input, Scores& scores, Watch& watch) const override;
  void announce(Scores& scores) const override;

  /// Logits (present, not present) of each pathology for a unit image latent: (P, 2).
  Tensor logits(const Tensor& image_latent) const;

 private:
  nn::Engine engine_;
  std::vector<std::string> pathologies_;
  models::ImageEncoder encode_;
  Tensor text_;  // (2 P, latent)
  float scale_;  // exp(temperature)
};

/// Whether a real checkpoint carries this tensor of a CT-CLIP without any effect on its answers.
bool has_no_effect(const std::string& name);

/// Throws Error{bad_model} naming every tensor that nothing has taken and `allowed` does not
/// excuse.
void require_all_taken(const Weights& weights,
                       const std::function<bool(const std::string&)>& allowed);

}  // namespace ctclip
