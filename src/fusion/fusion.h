#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fusion/features.h"
#include "fusion/lightgbm.h"

namespace ctclip {

/// `most_dangerous` where the answer is "no pathology".
inline constexpr std::string_view kNoPathology = "No significant pathology";

struct Decision {
  double probability = 0;         ///< LightGBM's probability of class 1
  bool pathology = false;         ///< probability >= threshold
  std::string most_dangerous;     ///< readable English name, or "No significant pathology"
  std::vector<Feature> features;  ///< in the model's column order, as the detectors spell them
  std::vector<double> shap;       ///< one for each feature, then the expected value
};

/// Names by LightGBM's spelling, to find columns without regard to blanks and underscores.
class ColumnIndex {
 public:
  /// Throws Error{bad_model} naming both where two names are equal in LightGBM's spelling; `whose`
  /// begins the message.
  ColumnIndex(std::span<const std::string> names, const std::string& whose);
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// Position of a name in any spelling, or kNone.
  std::size_t find(const std::string& name) const;

 private:
  std::map<std::string, std::size_t, std::less<>> positions_;
};

/// Scores -> decision by a LightGBM binary classifier. Columns are found by name, never by
/// position, blanks and underscores alike. Immutable; any number of threads may call it.
class Fusion {
 public:
  /// Throws Error{bad_model} where the model is no binary classifier (objective binary or
  /// cross_entropy with one score for each row), has two columns of one name, or gives no exact
  /// SHAP values (linear trees, no counts, too deep); Error{bad_parameter} where the threshold is
  /// not in [0, 1].
  Fusion(lightgbm::Model model, PathologyGroups groups, double threshold);

  /// Throws Error{bad_model} naming every feature of the model that is not among `available` (as
  /// make_features spells them), or two available ones that LightGBM's spelling makes equal.
  void require(const std::vector<std::string>& available) const;
  /// Whether the model wants a feature that begins with `prefix` ("diffusion_reconstruction_").
  bool wants(std::string_view prefix) const;

  double threshold() const { return threshold_; }
  const lightgbm::Model& model() const { return model_; }

  /// The most dangerous pathology is the one among supervised_<name> and ctclip_<Pathology> with
  /// the largest positive SHAP value; where none is positive, that of the highest probability among
  /// all that were scored. The first of equals wins. Throws Error{internal} naming the features
  /// that the model wants and `scores` lack, or a value that is no number; Error{bad_parameter}
  /// where the threshold is not in [0, 1].
  Decision decide(const Scores& scores, double threshold) const;

 private:
  lightgbm::Model model_;
  PathologyGroups groups_;
  double threshold_;
};

}  // namespace ctclip
