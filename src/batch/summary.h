#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "batch/table.h"

namespace ctclip::batch {

/// The guide's four bands of probability.
inline constexpr std::array<std::string_view, 4> kBands = {"< 0.3", "0.3 - 0.5", "0.5 - 0.7",
                                                           "> 0.7"};
/// Which one, from 0; bounds as in fusion/names.h.
int band_of(double probability);

/// What is to be said of all rows together.
struct Summary {
  int64_t total = 0, success = 0, failed = 0, pathology = 0;
  int64_t warned = 0;      ///< rows with warnings
  int64_t unanswered = 0;  ///< studies that are known to be in an archive and have no row
  std::array<int64_t, 4> bands = {};
  std::map<std::string, int64_t> failures;  ///< by error_code
  std::set<std::string> bundles;            ///< that are not clinical
  /// Columns of `--details`: every name that some row has, in the order of their coming. The
  /// features are those that are no probabilities.
  std::vector<std::string> probabilities, features;
};
Summary summarise(const Table& table);

/// Total, Success, Failed and where the result is, as the guide shows it; what else there is to say
/// between them.
std::string summary_text(const Summary& summary, const std::string& output);

}  // namespace ctclip::batch
