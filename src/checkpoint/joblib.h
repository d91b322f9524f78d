#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ctclip {

/// What is needed of a pickled LGBMClassifier, Booster, or Pipeline whose last step is one.
struct PickledLightGbm {
  std::string model_text;  ///< LightGBM's own text format
  int best_iteration = 0;  ///< above 0: predict with so many iterations only
  /// Names as the pipeline's first step saw them (feature_names_in_), empty where none are stored.
  std::vector<std::string> feature_names;
  /// StandardScaler before the classifier: x' = (x - mean) / scale; empty where there is none.
  std::vector<double> mean, scale;
};

/// joblib.dump or pickle.dump, protocols 2 to 5, plain, zlib, gzip, bz2, xz or lzma, found by
/// content. A restricted pickle machine: nothing is ever executed, a global outside the allow-list
/// is refused by name, as is a pipeline step that is neither a StandardScaler, "passthrough" nor
/// the classifier. Throws Error{bad_model}.
PickledLightGbm read_pickled_lightgbm(const std::filesystem::path& path);

}  // namespace ctclip
