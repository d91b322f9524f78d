#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/comparison.h"
#include "pipeline/pipeline.h"

namespace ctclip {

/// One study in two precisions.
struct StudyDifference {
  std::string content;  ///< SHA-256 of the prepared volume: which study it was
  Decision f32, bf16;
  /// By kind (Comparison::kKinds): the size of every difference.
  std::map<std::string, std::vector<double>, std::less<>> sizes;

  bool flipped() const { return f32.pathology != bf16.pathology; }
  bool other_type() const { return f32.most_dangerous != bf16.most_dangerous; }
};

/// Reads and prepares the study once, and answers it by both pipelines, which are of one bundle.
/// Throws what Pipeline::run throws.
StudyDifference compare_study(const Pipeline& f32, const Pipeline& bf16,
                              const AnalysisRequest& request, Watch& watch);

/// Gathers the differences of many studies. A study that came before is not counted again.
class Comparer {
 public:
  /// False if this study was counted before.
  bool add(const StudyDifference& study);
  int64_t studies() const { return static_cast<int64_t>(seen_.size()); }
  /// What is known so far, dated today.
  Comparison result(const std::string& bundle_sha256) const;

 private:
  std::set<std::string> seen_;
  int64_t flipped_ = 0, other_type_ = 0;
  std::map<std::string, std::vector<double>, std::less<>> sizes_;
};

/// Fewer studies than this say too little: without a flip among 30, the share of flips is still
/// 11 % at most with 95 % certainty.
inline constexpr int64_t kFewestCompared = 30;
/// Of the decisions that may flip, unless somebody allows more.
inline constexpr double kFlipsAllowed = 0.005;

/// The share of flips is at most so much, with 95 % certainty (Wilson's interval).
double most_flips(const Comparison& comparison);

/// Throws Error{usage} if there are too few studies, or more flipped decisions than `allowed`;
/// `allowed` < 0: than kFlipsAllowed of the studies.
void require_acceptable(const Comparison& comparison, int64_t allowed);

/// The spread of differences; `sizes` is not empty.
Spread spread_of(std::vector<double> sizes);

/// Degrees between two vectors of one length.
double angle_between(const std::vector<float>& one, const std::vector<float>& other);

}  // namespace ctclip
