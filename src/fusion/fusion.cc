#include "fusion/fusion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "fusion/names.h"

namespace ctclip {
namespace {

[[noreturn]] void refuse(const lightgbm::Model& model, const std::string& what) {
  throw Error(Code::bad_model, model.origin() + ": " + what);
}

void check_threshold(double threshold) {
  if (!(threshold >= 0 && threshold <= 1)) {
    throw Error(Code::bad_parameter,
                fmt::format("the decision threshold is {}, expected 0 to 1", threshold));
  }
}

std::vector<std::string> names_of(const std::vector<Feature>& features) {
  std::vector<std::string> names;
  names.reserve(features.size());
  for (const auto& feature : features) names.push_back(feature.name);
  return names;
}

/// What each column of the model is in `available`; every missing one is named at once.
std::vector<std::size_t> match(const lightgbm::Model& model,
                               const std::vector<std::string>& available, Code otherwise) {
  const ColumnIndex index(available, "the detectors' features");
  std::vector<std::size_t> positions;
  std::vector<std::string> missing;
  for (const auto& name : model.feature_names()) {
    positions.push_back(index.find(name));
    if (positions.back() == ColumnIndex::kNone) missing.push_back(name);
  }
  if (!missing.empty()) {
    throw Error(otherwise,
                fmt::format("{}: {} of its {} features are made by no detector: {}", model.origin(),
                            missing.size(), model.features(), fmt::join(missing, ", ")));
  }
  return positions;
}

/// A feature that is a pathology's own: its name without "supervised_" or "ctclip_".
std::map<std::string, std::string> pathologies_by_feature(const Scores& scores) {
  std::map<std::string, std::string> result;
  for (const auto& score : scores.supervised) result["supervised_" + score.name] = score.name;
  for (const auto& score : scores.ctclip) result["ctclip_" + score.name] = score.name;
  return result;
}

std::string by_probability(const Scores& scores) {
  const PathologyScore* best = nullptr;
  for (const auto* list : {&scores.supervised, &scores.ctclip}) {
    for (const auto& score : *list) {
      if (best == nullptr || score.probability > best->probability) best = &score;
    }
  }
  if (best == nullptr) {
    throw Error(Code::internal, "a pathology was found, but no detector names pathologies");
  }
  return best->name;
}

std::string most_dangerous(const Scores& scores, const Decision& decision) {
  const auto pathologies = pathologies_by_feature(scores);
  double largest = 0;
  const std::string* best = nullptr;
  for (std::size_t i = 0; i < decision.features.size(); ++i) {
    const auto found = pathologies.find(decision.features[i].name);
    if (found == pathologies.end() || !(decision.shap[i] > largest)) continue;
    largest = decision.shap[i];
    best = &found->second;
  }
  return best != nullptr ? *best : by_probability(scores);
}

}  // namespace

ColumnIndex::ColumnIndex(std::span<const std::string> names, const std::string& whose) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [place, is_new] = positions_.emplace(lightgbm_spelling(names[i]), i);
    if (!is_new) {
      throw Error(Code::bad_model,
                  fmt::format("{}: \"{}\" and \"{}\" are one name in LightGBM's spelling", whose,
                              names[place->second], names[i]));
    }
  }
}

std::size_t ColumnIndex::find(const std::string& name) const {
  const auto found = positions_.find(lightgbm_spelling(name));
  return found == positions_.end() ? kNone : found->second;
}

Fusion::Fusion(lightgbm::Model model, PathologyGroups groups, double threshold)
    : model_(std::move(model)), groups_(std::move(groups)), threshold_(threshold) {
  check_threshold(threshold);
  if (!model_.is_binary_classifier()) {
    refuse(
        model_,
        fmt::format("expected a binary classifier (objective binary or cross_entropy, one score "
                    "for each row), found objective \"{}\" with {}",
                    model_.objective().empty() ? "custom" : model_.objective(), model_.outputs()));
  }
  if (model_.has_linear_trees()) {
    refuse(model_, "the pathology type needs SHAP values, which linear trees do not have");
  }
  if (!model_.no_contributions().empty()) refuse(model_, model_.no_contributions());
  ColumnIndex(model_.feature_names(), model_.origin());  // refuses columns of one name
}

void Fusion::require(const std::vector<std::string>& available) const {
  match(model_, available, Code::bad_model);
}

bool Fusion::wants(std::string_view prefix) const {
  const std::string spelt = lightgbm_spelling(std::string(prefix));
  return std::ranges::any_of(model_.feature_names(), [&](const std::string& name) {
    return lightgbm_spelling(name).starts_with(spelt);
  });
}

Decision Fusion::decide(const Scores& scores, double threshold) const {
  check_threshold(threshold);
  const std::vector<Feature> made = make_features(scores, groups_);
  Decision decision;
  std::vector<double> row;
  for (const std::size_t position : match(model_, names_of(made), Code::internal)) {
    const Feature& feature = made[position];
    if (!std::isfinite(feature.value)) {
      throw Error(Code::internal,
                  fmt::format("feature {} is {}, expected a number", feature.name, feature.value));
    }
    decision.features.push_back(feature);
    row.push_back(feature.value);
  }
  model_.probability(row, {&decision.probability, 1});
  if (!std::isfinite(decision.probability)) {
    throw Error(Code::internal, model_.origin() + ": its probability is no number");
  }
  decision.shap.resize(row.size() + 1);
  model_.contributions(row, decision.shap);
  decision.pathology = decision.probability >= threshold;
  decision.most_dangerous = decision.pathology ? readable_name(most_dangerous(scores, decision))
                                               : std::string(kNoPathology);
  return decision;
}

}  // namespace ctclip
