#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctclip::lightgbm {

/// A LightGBM model (text format v3/v4): trees, objective, feature names. Exactly what the library
/// computes, in its own order of operations. Immutable; any number of threads may call it.
class Model {
 public:
  /// `origin` names the file in errors. Throws Error{bad_model}: the line or tree, what was
  /// expected, what was found.
  static Model parse(std::string_view text, const std::string& origin);

  /// A text model, or a pickle (joblib or plain) that holds one, found by content.
  static Model load(const std::filesystem::path& path);

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  std::size_t features() const;
  /// As the model stores them (blanks are underscores), in column order.
  const std::vector<std::string>& feature_names() const;
  /// Scores for each row: 1, or the number of classes.
  std::size_t outputs() const;
  std::size_t trees() const;

  /// `row` has features() values, NaN for missing; `out` outputs() values.
  void raw(std::span<const double> row, std::span<double> out) const;
  void probability(std::span<const double> row, std::span<double> out) const;
  void leaves(std::span<const double> row, std::span<int32_t> out) const;
  /// Path-dependent TreeSHAP (Lundberg et al., arXiv:1802.03888, algorithm 2) as LightGBM's
  /// predict_contrib: outputs() blocks of features() + 1 values, the expected value last. Throws
  /// Error{bad_model} for linear trees.
  void contributions(std::span<const double> row, std::span<double> out) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ctclip::lightgbm
