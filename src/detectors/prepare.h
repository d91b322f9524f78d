#pragma once

#include <array>
#include <cstdint>

#include "base/parallel.h"
#include "base/tensor.h"
#include "base/watch.h"
#include "detectors/geometry.h"
#include "study/volume.h"

namespace ctclip {

/// One axis of the way from a volume to a prepared one: resampling, then a centred crop or pad.
struct Axis {
  int64_t source = 0;  ///< voxels of the volume
  int64_t resampled =
      0;               ///< trunc(source * (spacing / target spacing)), both operations in float32
  int64_t target = 0;  ///< voxels of the prepared volume
  int64_t skip = 0;    ///< resampled voxels cropped away in front
  int64_t kept = 0;
  int64_t pad = 0;  ///< target voxels of padding in front

  /// Two source voxels and the weight of the second, for resampled voxel i: half-pixel centres,
  /// clamped at the border (torch.nn.functional.interpolate, align_corners=False), in float32.
  struct Tap {
    int64_t first, second;
    float weight;
  };
  Tap tap(int64_t i) const;
};

Axis plan_axis(int64_t source, float spacing, float target_spacing, int64_t target);

/// Axes D, H, W for a volume: D over its slices, H over its columns, W over its rows.
std::array<Axis, 3> plan_axes(const Volume& volume, const Geometry3d& geometry);

/// HU clipped to [-1000, 1000], resampled trilinearly, divided by 1000, cropped or padded with -1
/// about the centre: (D, H, W) float32. Only what survives the crop is computed. Throws
/// Error{too_few_slices} for under 20 resampled slices.
Tensor prepare(const Volume& volume, const Geometry3d& geometry, ThreadPool& pool, Watch& watch);

}  // namespace ctclip
