#include "fusion/lightgbm_objective.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "fusion/lightgbm_text.h"

namespace ctclip::lightgbm {

std::optional<Objective::Kind> Objective::kind_of(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 18> kKinds = {{
      {"", Kind::identity},
      {"binary", Kind::logistic},
      {"cross_entropy", Kind::logistic},
      {"cross_entropy_lambda", Kind::log1p_exp},
      {"multiclass", Kind::softmax},
      {"multiclassova", Kind::logistic},
      {"regression", Kind::identity},
      {"regression_l1", Kind::identity},
      {"huber", Kind::identity},
      {"fair", Kind::identity},
      {"quantile", Kind::identity},
      {"mape", Kind::identity},
      {"lambdarank", Kind::identity},
      {"rank_xendcg", Kind::identity},
      {"poisson", Kind::exponential},
      {"gamma", Kind::exponential},
      {"tweedie", Kind::exponential},
      {"custom", Kind::identity},
  }};
  const auto* const found =
      std::ranges::find(kKinds, name, &std::pair<std::string_view, Kind>::first);
  if (found == kKinds.end()) return std::nullopt;
  return found->second;
}

std::optional<Objective> Objective::parse(std::string_view line, std::size_t outputs) {
  const auto words = split_names(line);
  const auto kind = kind_of(words.front());
  if (!kind) return std::nullopt;
  Objective result;
  result.kind_ = *kind;
  result.outputs_ = outputs;
  result.line_ = line;
  std::size_t classes = 1;
  for (const std::string_view word : words) {
    if (word.starts_with("sigmoid:")) {
      const auto slope = parse_number<double>(word.substr(8));
      if (!slope || !std::isfinite(*slope) || *slope <= 0) return std::nullopt;
      result.sigmoid_ = *slope;
    } else if (word.starts_with("num_class:")) {
      const auto count = parse_number<int32_t>(word.substr(10));
      if (!count || *count < 1) return std::nullopt;
      classes = static_cast<std::size_t>(*count);
    } else if (word == "sqrt") {
      result.kind_ = Kind::signed_square;
    }
  }
  // A custom objective and rankers say nothing of classes.
  const bool says_classes = words.front().starts_with("multiclass");
  if (says_classes ? classes != outputs : (!line.empty() && outputs != 1)) return std::nullopt;
  return result;
}

void Objective::transform(std::span<double> scores) const {
  const double largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (double& score : scores) {
    switch (kind_) {
      case Kind::identity:
        break;
      case Kind::logistic:
        score = 1.0 / (1.0 + std::exp(-sigmoid_ * score));
        break;
      case Kind::log1p_exp:
        score = std::log1p(std::exp(score));
        break;
      case Kind::exponential:
        score = std::exp(score);
        break;
      case Kind::signed_square:
        score = std::copysign(score * score, score);
        break;
      case Kind::softmax:
        score = std::exp(score - largest);
        sum += score;
        break;
    }
  }
  if (kind_ == Kind::softmax) {
    for (double& score : scores) score /= sum;
  }
}

}  // namespace ctclip::lightgbm
