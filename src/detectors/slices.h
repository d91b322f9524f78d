#pragma once

#include <cstdint>
#include <vector>

#include "base/tensor.h"
#include "detectors/prepare.h"

namespace ctclip {

/// Planes of a prepared volume of `depth` planes that the slice classifier sees: from 5 % to 95 %.
std::vector<int64_t> classified_planes(int64_t depth);

/// `count` of them, spread evenly from the first to the last; all where there are no more.
std::vector<int64_t> reconstructed_planes(int64_t depth, int64_t count);

/// How a plane (H, W) of a prepared volume becomes a square slice: the centred square, resampled
/// bilinearly to `size` (half-pixel centres, no low-pass filter).
struct SliceFrame {
  SliceFrame(int64_t height, int64_t width, int64_t size);
  Axis axis;          ///< from the centred square's side to `size`; the same for both axes
  int64_t top, left;  ///< of the square in the plane

  /// plane (H, W) -> out (size, size).
  void operator()(const float* plane, int64_t width, float* out) const;
};

}  // namespace ctclip
