#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "base/watch.h"
#include "detectors/scores.h"
#include "nn/workspace.h"

namespace ctclip {

/// What one study may ask of the detectors.
struct DetectorOptions {
  std::optional<ReconstructionSettings> reconstruction;  ///< instead of the detector's own
  bool keep_slices = false;  ///< leave the reconstructed slices in the scores
};

/// What a detector is given: the prepared volume (D, H, W) and the caller's scratch memory.
struct DetectorInput {
  const Tensor& prepared;
  nn::Workspace& work;
  DetectorOptions options = {};
};

/// Prepared volume -> Scores. Immutable once built; any number of threads may call `run`.
class Detector {
 public:
  virtual ~Detector() = default;
  /// Name of its stage: "ctclip", "supervised",
  /// "diffusion_classifier", "diffusion_reconstruction".
  virtual std::string name() const = 0;
  /// Fills in its own part of `scores`. Throws Error{cancelled, internal}; never leaves a part half
  /// filled.
  virtual void run(const DetectorInput& input, Scores& scores, Watch& watch) const = 0;
  /// Its part of the scores with every probability 0: what features it will make, for checks at
  /// start.
  virtual void announce(Scores& scores) const = 0;
};

}  // namespace ctclip
