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

/// `count_high` of a group counts the probabilities above this: present is likelier than absent.
inline constexpr double kHighProbability = 0.5;

/// Every feature that `scores` can make (service.md "Features and fusion"), in this order:
///   supervised_<name>..., ctclip_<Pathology>...
///   supervised_mean_probability, _max_probability, _top3_mean; the same three of ctclip_
///   diffusion_classifier_mean_probability, _max_probability, _std_probability
///   diffusion_reconstruction_mean, _max, _std
///   ctclip_group_<group>_max, _mean, _count_high, _std for each group by name
/// Standard deviations are population ones. The mean of the top 3 of fewer than 3 is the mean of
/// what there is. Parts that did not run make none. Throws Error{bad_model} where a group is empty
/// or names a pathology that CT-CLIP was not asked for, although it ran.
std::vector<Feature> make_features(const Scores& scores, const PathologyGroups& groups);

/// How a LightGBM file spells a name: every ASCII blank an underscore.
std::string lightgbm_spelling(std::string name);

}  // namespace ctclip
