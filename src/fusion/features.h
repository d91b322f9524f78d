#pragma once

#include <map>
#include <string>
#include <vector>

#include "detectors/scores.h"

namespace ctclip {

struct Feature {
  std::string name;  ///< "ctclip_Pleural effusion", as the detectors spell it
  double value = 0;
};

/// Groups of CT-CLIP pathologies for the features ctclip_group_<group>_{max,mean,count_high,std}.
using PathologyGroups = std::map<std::string, std::vector<std::string>>;

/// Every feature that `scores` can make (service.md "Features and fusion"), in a fixed order.
/// Parts that did not run make none.
std::vector<Feature> make_features(const Scores& scores, const PathologyGroups& groups);

/// How a LightGBM file spells a name: every ASCII blank an underscore.
std::string lightgbm_spelling(std::string name);

}  // namespace ctclip
