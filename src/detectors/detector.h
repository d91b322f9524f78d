#pragma once

#include <string>
#include <vector>

#include "base/tensor.h"
#include "base/watch.h"
#include "detectors/scores.h"
#include "nn/workspace.h"

namespace ctclip {

/// What a detector is given: the prepared volume (D, H, W) and the caller's scratch memory.
struct DetectorInput {
  const Tensor& prepared;
  nn::Workspace& work;
};

/// Prepared volume -> Scores. Immutable once built; any number of threads may call `run`.
class Detector {
 public:
  virtual ~Detector() = default;
  /// Name of its stage: "ctclip", "supervised".
  virtual std::string name() const = 0;
  /// Fills in its own part of `scores`. Throws Error{cancelled, internal}; never leaves a part half
  /// filled.
  virtual void run(const DetectorInput& input, Scores& scores, Watch& watch) const = 0;
  /// Its part of the scores with every probability 0: what features it will make, for checks at
  /// start.
  virtual void announce(Scores& scores) const = 0;
};

}  // namespace ctclip
