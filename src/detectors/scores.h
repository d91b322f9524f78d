#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ctclip {

struct PathologyScore {
  std::string name;  ///< as the model spells it: "pleural_effusion", "Pleural effusion"
  double probability = 0;
};

struct SliceStatistics {
  double mean = 0, max = 0, standard_deviation = 0;  ///< population standard deviation
  std::vector<double> slices;                        ///< one value for each slice
};

/// What the detectors said. A detector that did not run leaves its part empty; nothing is ever
/// filled in with zero.
struct Scores {
  std::vector<PathologyScore> ctclip;      ///< softmax "is present" against "is not present"
  std::vector<PathologyScore> supervised;  ///< sigmoid
  std::vector<float> ctclip_latent, supervised_latent;      ///< unit image latents
  std::optional<SliceStatistics> diffusion_classifier;      ///< probability of pathology
  std::optional<SliceStatistics> diffusion_reconstruction;  ///< L1 error
};

}  // namespace ctclip
