#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "detectors/detector.h"
#include "models/image_encoder.h"
#include "models/layers.h"

namespace ctclip {

/// Supervised head on a CT-CLIP image encoder of its own: sigmoid(Linear(LayerNorm(unit latent))).
class Supervised : public Detector {
 public:
  /// `weights`: "ct_clip.*", "pre_head_norm.*", "classifier.1.*". The text encoder in the file has
  /// no part in it. Pathologies are the checkpoint's "target_pathologies", else the default list.
  /// Throws Error{bad_model}.
  Supervised(const Weights& weights, const models::CtVitGeometry& geometry,
             const nn::Engine& engine);

  std::string name() const override { return "supervised"; }
  void run(const DetectorInput& input, Scores& scores, Watch& watch) const override;
  void announce(Scores& scores) const override;

  /// Logits for a unit image latent, one for each pathology; `normed` (latent) receives the
  /// LayerNorm's output.
  std::vector<double> logits(const Tensor& image_latent, Tensor& normed) const;

 private:
  nn::Engine engine_;
  std::vector<std::string> pathologies_;
  models::ImageEncoder encode_;
  models::LayerNorm norm_;
  Tensor weight_, bias_;  // (P, latent), (P)
};

}  // namespace ctclip
