#include "pipeline/compare.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <numbers>
#include <stdexcept>

#include "base/sha256.h"

namespace ctclip {
namespace {

using Sizes = std::map<std::string, std::vector<double>, std::less<>>;

void compare_scores(std::string_view kind, const std::vector<PathologyScore>& one,
                    const std::vector<PathologyScore>& other, Sizes& sizes) {
  std::vector<double>& into = sizes[std::string(kind)];
  for (std::size_t i = 0; i < one.size(); ++i) {
    into.push_back(std::abs(one[i].probability - other.at(i).probability));
  }
}

Sizes sizes_of(const Result& one, const Result& other) {
  Sizes sizes;
  sizes["probability_of_pathology"].push_back(
      std::abs(one.decision.probability - other.decision.probability));
  compare_scores("ctclip", one.scores.ctclip, other.scores.ctclip, sizes);
  compare_scores("supervised", one.scores.supervised, other.scores.supervised, sizes);
  if (const auto& classified = one.scores.diffusion_classifier) {
    std::vector<double>& into = sizes["diffusion_classifier"];
    const std::vector<double>& rounded = other.scores.diffusion_classifier.value().slices;
    for (std::size_t i = 0; i < classified->slices.size(); ++i) {
      into.push_back(std::abs(classified->slices[i] - rounded.at(i)));
    }
  }
  sizes["ctclip_latent"].push_back(
      angle_between(one.scores.ctclip_latent, other.scores.ctclip_latent));
  sizes["supervised_latent"].push_back(
      angle_between(one.scores.supervised_latent, other.scores.supervised_latent));
  return sizes;
}

std::string content_of(const Tensor& prepared) {
  Sha256 hash;
  hash.add(prepared.data(), static_cast<std::size_t>(prepared.size()) * sizeof(float));
  return hash.hex();
}

std::string today() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

}  // namespace

StudyDifference compare_study(const Pipeline& f32, const Pipeline& bf16,
                              const AnalysisRequest& request, Watch& watch) {
  StudyFacts facts;
  const Tensor prepared = f32.load_and_prepare(request, watch, facts, {});
  const Result one = f32.detect(prepared, request, watch);
  const Result other = bf16.detect(prepared, request, watch);
  return {content_of(prepared), one.decision, other.decision, sizes_of(one, other)};
}

bool Comparer::add(const StudyDifference& study) {
  if (!seen_.insert(study.content).second) return false;
  flipped_ += study.flipped() ? 1 : 0;
  other_type_ += study.other_type() ? 1 : 0;
  for (const auto& [kind, sizes] : study.sizes) {
    std::vector<double>& all = sizes_[kind];
    all.insert(all.end(), sizes.begin(), sizes.end());
  }
  return true;
}

Comparison Comparer::result(const std::string& bundle_sha256) const {
  Comparison found{bundle_sha256, today(), CTCLIP_VERSION, studies(), flipped_, other_type_, {}};
  for (const std::string_view kind : Comparison::kKinds) {
    const auto sizes = sizes_.find(kind);
    if (sizes == sizes_.end() || sizes->second.empty()) continue;
    found.differences.push_back({std::string(kind), spread_of(sizes->second)});
  }
  return found;
}

double most_flips(const Comparison& comparison) {
  constexpr double kZ = 1.959964;  // 97.5 % of the normal distribution
  const auto n = static_cast<double>(comparison.studies);
  const double share = static_cast<double>(comparison.flipped) / n;
  const double middle = share + kZ * kZ / (2 * n);
  const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return std::min(1.0, (middle + half) / (1 + kZ * kZ / n));
}

void require_acceptable(const Comparison& comparison, int64_t allowed) {
  if (comparison.studies < kFewestCompared) {
    throw Error(Code::usage,
                fmt::format("the comparison is not recorded: expected at least {} different "
                            "studies answered in both precisions, found {}",
                            kFewestCompared, comparison.studies));
  }
  const auto usual = static_cast<int64_t>(kFlipsAllowed * static_cast<double>(comparison.studies));
  const int64_t most = allowed < 0 ? usual : allowed;
  if (comparison.flipped <= most) return;
  throw Error(Code::usage,
              fmt::format("the comparison is not recorded: expected at most {} flipped decisions "
                          "of {}, found {}; --allow-flips {} insists",
                          most, comparison.studies, comparison.flipped, comparison.flipped));
}

Spread spread_of(std::vector<double> sizes) {
  std::ranges::sort(sizes);
  const auto at = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(sizes.size())) - 1;
    return sizes.at(static_cast<std::size_t>(std::max(0.0, rank)));
  };
  return {static_cast<int64_t>(sizes.size()), at(0.5), at(0.95), sizes.back()};
}

double angle_between(const std::vector<float>& one, const std::vector<float>& other) {
  if (one.size() != other.size()) throw std::logic_error("latents of different lengths");
  const auto length = [](const std::vector<float>& x) {
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * value;
    return std::sqrt(squares);
  };
  const double a = length(one);
  const double b = length(other);
  double squares = 0;  // of the chord, which is exact if the two are nearly the same
  for (std::size_t i = 0; i < one.size(); ++i) {
    const double apart = one[i] / a - other[i] / b;
    squares += apart * apart;
  }
  return 2 * std::asin(std::min(1.0, std::sqrt(squares) / 2)) * 180 / std::numbers::pi;
}

}  // namespace ctclip
