#pragma once

#include "phantom/point_spread.h"

namespace ctclip::phantom {

/// Deviation of the noise in HU at the middle of an ordinary chest: 12 HU with the soft kernel at
/// dose 1 and 5 mm, four times as much with the lung kernel. It goes with
/// 1/sqrt(dose * thickness), and with the root of the attenuation exp(mu * d) of the rays that meet
/// in a voxel (R. A. Brooks and G. Di Chiro, Statistical limitations in x-ray reconstructive
/// tomography, Med Phys 1976;3:237-240). Their pixel width is the kernel's resolution here, which a
/// kernel fixes whatever the matrix.
double noise_deviation(const Acquisition& acquisition, Kernel kernel);

/// How much water the rays of one slice go through: mm along every row and every column.
struct Paths {
  std::vector<float> rows, columns;
};
Paths measure_paths(const Plane& hu, int64_t size, double spacing);

/// White noise for one slice, deviation 1 at the middle of an ordinary chest, more where rays cross
/// much tissue (shoulders), less in and beside thin parts; where rays along the rows meet too much
/// for the detectors (arms down), streaks along the rows as well. Depends on nothing but its
/// arguments, so slices can be made in any order on any thread.
void fill_noise(const Paths& paths, int64_t slice, uint64_t seed, int64_t size, Plane& noise);

}  // namespace ctclip::phantom
