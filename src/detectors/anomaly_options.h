#pragma once

#include <cstdint>

#include "detectors/scores.h"

namespace ctclip {

/// What the checkpoints of the anomaly detector cannot tell, and how it reconstructs. The defaults
/// are the reference's.
struct AnomalyOptions {
  int64_t image_size = 256;
  int64_t classifier_head_size = 64;  ///< channels of an attention head of the classifier
  int64_t unet_heads = 1;             ///< heads of an attention block of the denoiser
  ReconstructionSettings reconstruction;
};

/// Throws Error{bad_parameter} where the settings make no sense: which, what was expected.
void check_settings(const ReconstructionSettings& settings);

}  // namespace ctclip
