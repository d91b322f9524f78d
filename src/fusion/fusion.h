#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "fusion/features.h"
#include "fusion/lightgbm.h"

namespace ctclip {

struct Decision {
  double probability = 0;         ///< LightGBM's probability of class 1
  bool pathology = false;         ///< probability >= threshold
  std::string most_dangerous;     ///< readable English name, or "No significant pathology"
  std::vector<Feature> features;  ///< in the model's column order
  std::vector<double> shap;       ///< one for each feature, then the expected value
};

/// Scores -> decision by a LightGBM binary classifier. Immutable; any number of threads may call
/// it.
class Fusion {
 public:
  /// Throws Error{bad_model} where the model is no binary classifier.
  Fusion(lightgbm::Model model, PathologyGroups groups, double threshold);

  /// Throws Error{bad_model} naming every feature of the model that is not among `available` (as
  /// make_features spells them).
  void require(const std::vector<std::string>& available) const;
  /// Whether the model wants a feature that begins with `prefix` ("diffusion_reconstruction_").
  bool wants(std::string_view prefix) const;

  double threshold() const { return threshold_; }
  const lightgbm::Model& model() const { return model_; }

  /// Throws Error{internal} naming the feature where `scores` lack one that the model wants.
  Decision decide(const Scores& scores, double threshold) const;

 private:
  lightgbm::Model model_;
  PathologyGroups groups_;
  double threshold_;
};

}  // namespace ctclip
