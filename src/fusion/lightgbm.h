#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctclip::lightgbm {

/// A LightGBM model (text format v3/v4): trees, objective, feature names. Exactly what the library
/// computes, in its own order of operations, so that scores and SHAP values are equal to the bit on
/// a machine without fused multiply-add. Immutable; any number of threads may call it.
///
/// Every index in the file is checked when it is read (each node and each leaf of a tree is reached
/// exactly once from its root), so evaluation needs no checks, and prediction needs no stack: a
/// tree may be as deep as the file is long.
class Model {
 public:
  /// `origin` names the file in errors. Throws Error{bad_model}: the line or tree, what was
  /// expected, what was found.
  static Model parse(std::string_view text, const std::string& origin);

  /// A text model, or a pickle (joblib or plain) that holds one, found by content. A pickle's
  /// best_iteration and StandardScaler are honoured, and its pipeline's feature names are taken.
  static Model load(const std::filesystem::path& path);

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  std::size_t features() const;
  /// In column order: as the model stores them (blanks are underscores), or as the first step of a
  /// pickled pipeline was given them.
  const std::vector<std::string>& feature_names() const;
  /// Scores for each row: 1, or the number of classes.
  std::size_t outputs() const;
  /// Trees in use: best_iteration may leave some of the file's out.
  std::size_t trees() const;
  /// The file or what else `parse` was told.
  const std::string& origin() const;
  /// As the file says it: "binary sigmoid:1"; "" for a custom objective.
  const std::string& objective() const;
  /// Whether `probability` gives one number in [0, 1]: objectives binary and cross_entropy.
  bool is_binary_classifier() const;

  /// `row` has features() values, NaN for missing; `out` outputs() values. For a random forest this
  /// is the plain sum over its trees, as in the library; only `probability` takes their mean.
  void raw(std::span<const double> row, std::span<double> out) const;
  /// The objective's output function of the raw scores: a probability for a classifier, the raw
  /// score for a regression or a custom objective.
  void probability(std::span<const double> row, std::span<double> out) const;
  /// The leaf's index in each of trees() trees.
  void leaves(std::span<const double> row, std::span<int32_t> out) const;

  /// Deepest tree for which contributions are computed. Their cost grows with leaves * depth^2, and
  /// their recursion with depth; trees grown by LightGBM are far from this.
  static constexpr int kMaxContributionDepth = 512;

  /// Empty, or why `contributions` would refuse: the model was trained with linear_tree, a tree has
  /// no counts or counts of 0, a tree is deeper than kMaxContributionDepth.
  const std::string& no_contributions() const;
  /// Whether leaves hold linear functions. Without a parameters section that says so the library
  /// still computes contributions for such trees, which then do not add up to the score; so does
  /// this class.
  bool has_linear_trees() const;

  /// Path-dependent TreeSHAP (Lundberg et al., arXiv:1802.03888, algorithm 2) as LightGBM's
  /// predict_contrib: outputs() blocks of features() + 1 values, the expected value last. They add
  /// up to the raw score. Throws Error{bad_model} with no_contributions() where that is not empty.
  void contributions(std::span<const double> row, std::span<double> out) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ctclip::lightgbm
