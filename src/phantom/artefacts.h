#pragma once

#include "phantom/point_spread.h"

namespace ctclip::phantom {

/// HU from which a voxel is metal: beyond bone and calcified plaque.
inline constexpr float kMetal = 2500;

/// Breathing or a beating heart during some slices: where slices lie in a band that the seed places
/// over the heart and the bases, edges are doubled by a few mm and blurred between. Leaves other
/// slices alone.
void blur_by_motion(Plane& hu, const Acquisition& acquisition, int64_t slice, Plane& scratch);

/// Streaks around metal: dark and bright rays from the middle of the metal voxels, dark along their
/// longer axis (beam hardening), weaker with the distance and only in what is not air.
void add_metal_streaks(Plane& hu, const Acquisition& acquisition);

}  // namespace ctclip::phantom
