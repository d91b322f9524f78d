#pragma once

#include <cstdint>
#include <vector>

#include "phantom/scanner.h"

namespace ctclip::phantom {

/// A slice of floats, (size, size).
using Plane = std::vector<float>;

/// What a reconstruction kernel does to an image, as a sum of two Gaussians in the plane: smooth
/// for soft tissue, or narrow with the neighbourhood subtracted (an unsharp mask) for lungs. Their
/// widths, in mm, come from the modulation transfer functions that vendors' kernels are known by:
/// half at about 0.35/mm for a soft kernel such as B30f; raised in the middle and half at about
/// 0.8/mm for a lung kernel such as B70f.
class PointSpread {
 public:
  PointSpread(Kernel kernel, double spacing);

  /// Filters `plane` in place, edges continued; `scratch` is two planes of working memory.
  void apply(Plane& plane, int64_t size, std::vector<Plane>& scratch) const;

  /// Standard deviation that white noise of deviation 1 has after the filter.
  double noise_gain() const { return noise_gain_; }

 private:
  std::vector<float> fine_, coarse_;  // one half of each Gaussian, from its centre outwards
  float edge_ = 0;                    // (1 + edge) * fine - edge * coarse
  double noise_gain_ = 1;
};

}  // namespace ctclip::phantom
