#include "fusion/features.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace ctclip {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double largest(const std::vector<double>& values) { return *std::ranges::max_element(values); }

double top3_mean(std::vector<double> values) {
  std::ranges::sort(values, std::greater<>());
  values.resize(std::min<std::size_t>(values.size(), 3));
  return mean(values);
}

double population_deviation(const std::vector<double>& values) {
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

double count_high(const std::vector<double>& values) {
  return static_cast<double>(
      std::ranges::count_if(values, [](double value) { return value > kHighProbability; }));
}

std::vector<double> probabilities(const std::vector<PathologyScore>& scores) {
  std::vector<double> values;
  values.reserve(scores.size());
  for (const auto& score : scores) values.push_back(score.probability);
  return values;
}

void add_each(std::vector<Feature>& features, const std::string& model,
              const std::vector<PathologyScore>& scores) {
  for (const auto& score : scores) features.push_back({model + score.name, score.probability});
}

void add_aggregates(std::vector<Feature>& features, const std::string& model,
                    const std::vector<PathologyScore>& scores) {
  if (scores.empty()) return;
  const std::vector<double> values = probabilities(scores);
  features.push_back({model + "mean_probability", mean(values)});
  features.push_back({model + "max_probability", largest(values)});
  features.push_back({model + "top3_mean", top3_mean(values)});
}

void add_slices(std::vector<Feature>& features, const std::optional<SliceStatistics>& statistics,
                const std::string& model, const std::string& suffix) {
  if (!statistics) return;
  features.push_back({model + "mean" + suffix, statistics->mean});
  features.push_back({model + "max" + suffix, statistics->max});
  features.push_back({model + "std" + suffix, statistics->standard_deviation});
}

std::vector<double> of_group(const std::string& group, const std::vector<std::string>& pathologies,
                             const std::vector<PathologyScore>& scores) {
  if (pathologies.empty()) {
    throw Error(Code::bad_model, fmt::format("pathology group \"{}\" is empty", group));
  }
  std::vector<double> values;
  for (const auto& pathology : pathologies) {
    const auto found = std::ranges::find(scores, pathology, &PathologyScore::name);
    if (found == scores.end()) {
      throw Error(Code::bad_model,
                  fmt::format("pathology group \"{}\" names \"{}\", for which there is no prompt",
                              group, pathology));
    }
    values.push_back(found->probability);
  }
  return values;
}

void add_groups(std::vector<Feature>& features, const PathologyGroups& groups,
                const std::vector<PathologyScore>& scores) {
  if (scores.empty()) return;
  for (const auto& [group, pathologies] : groups) {
    const std::vector<double> values = of_group(group, pathologies, scores);
    const std::string prefix = "ctclip_group_" + group + "_";
    features.push_back({prefix + "max", largest(values)});
    features.push_back({prefix + "mean", mean(values)});
    features.push_back({prefix + "count_high", count_high(values)});
    features.push_back({prefix + "std", population_deviation(values)});
  }
}

}  // namespace

std::vector<Feature> make_features(const Scores& scores, const PathologyGroups& groups) {
  std::vector<Feature> features;
  add_each(features, "supervised_", scores.supervised);
  add_each(features, "ctclip_", scores.ctclip);
  add_aggregates(features, "supervised_", scores.supervised);
  add_aggregates(features, "ctclip_", scores.ctclip);
  add_slices(features, scores.diffusion_classifier, "diffusion_classifier_", "_probability");
  add_slices(features, scores.diffusion_reconstruction, "diffusion_reconstruction_", "");
  add_groups(features, groups, scores.ctclip);
  return features;
}

std::string lightgbm_spelling(std::string name) {
  std::ranges::replace(name, ' ', '_');
  return name;
}

}  // namespace ctclip
