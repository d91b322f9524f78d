#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace ctclip {

struct PathologyScore {
  std::string name;  ///< as the model spells it: "pleural_effusion", "Pleural effusion"
  double probability = 0;
};

struct SliceStatistics {
  double mean = 0, max = 0, standard_deviation = 0;  ///< population standard deviation
  std::vector<double> slices;                        ///< one value for each slice
  std::vector<int64_t> planes;                       ///< of the prepared volume, one for each slice
};

/// How a guided reconstruction is made. The defaults are the reference's.
struct ReconstructionSettings {
  int64_t slices = 16;        ///< spread over the volume
  int64_t steps = 20;         ///< points of the time schedule each way; one fewer is computed
  int64_t noise_level = 500;  ///< steps of 1,000 that the schedule spans
  double scale = 100;         ///< of the classifier's guidance
  bool operator==(const ReconstructionSettings&) const = default;
};

/// The slices that were reconstructed, for a map of the differences.
struct ReconstructedSlices {
  Tensor original, reconstructed;  ///< (N, S, S), in the order of the statistics' planes
};

/// What the detectors said. A detector that did not run leaves its part empty; nothing is ever
/// filled in with zero.
struct Scores {
  std::vector<PathologyScore> ctclip;      ///< softmax "is present" against "is not present"
  std::vector<PathologyScore> supervised;  ///< sigmoid
  std::vector<float> ctclip_latent, supervised_latent;       ///< unit image latents
  std::optional<SliceStatistics> diffusion_classifier;       ///< probability of pathology
  std::optional<SliceStatistics> diffusion_reconstruction;   ///< L1 error
  ReconstructionSettings reconstruction_settings;            ///< of diffusion_reconstruction
  std::shared_ptr<const ReconstructedSlices> reconstructed;  ///< only when asked for
};

}  // namespace ctclip
