#pragma once

#include <string>
#include <vector>

#include "fusion/lightgbm.h"
#include "fusion/lightgbm_objective.h"
#include "fusion/lightgbm_tree.h"

namespace ctclip::lightgbm {

/// What the files of this room share of a model.
struct Model::Impl {
  std::string origin;
  std::vector<std::string> names;
  Objective objective;
  std::size_t outputs = 1;
  bool average_output = false;  ///< random forest
  bool linear_tree_parameter = false;
  std::vector<Tree> trees;   ///< iteration by iteration, one for each output
  std::vector<double> mean;  ///< StandardScaler: x' = (x - mean) / scale; either may be empty
  std::vector<double> scale;
  std::vector<double> expected;  ///< SHAP's expected value for each output
  std::string no_contributions;

  /// Fills in what follows from the trees: `expected`, `no_contributions`.
  void finish();
  /// The row as the trees are to see it.
  std::vector<double> prepared(std::span<const double> row) const;
};

}  // namespace ctclip::lightgbm
