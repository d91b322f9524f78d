#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ctclip::lightgbm {

/// What makes an answer of raw scores, as a model file's `objective` line names it.
class Objective {
 public:
  /// `line` is "name key:value ..."; "" for a custom objective, whose answer is the raw score.
  /// Nothing where the name is unknown, a value is malformed, or `num_class` is not `outputs`.
  static std::optional<Objective> parse(std::string_view line, std::size_t outputs);

  const std::string& line() const { return line_; }
  /// binary and cross_entropy: one number in [0, 1].
  bool is_binary_classifier() const { return kind_ == Kind::logistic && outputs_ == 1; }
  /// Raw scores to answers, in place.
  void transform(std::span<double> scores) const;

 private:
  enum class Kind { identity, logistic, softmax, log1p_exp, exponential, signed_square };
  static std::optional<Kind> kind_of(std::string_view name);

  Kind kind_ = Kind::identity;
  double sigmoid_ = 1;  ///< slope of the logistic function
  std::size_t outputs_ = 1;
  std::string line_;
};

}  // namespace ctclip::lightgbm
