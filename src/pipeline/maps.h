#pragma once

#include <array>
#include <cstdint>
#include <filesystem>

#include "detectors/geometry.h"
#include "detectors/scores.h"
#include "study/volume.h"

namespace ctclip {

/// Where a study's voxels lie, without the voxels.
struct StudyGrid {
  std::array<int64_t, 3> size = {};        ///< slices, rows, columns
  std::array<float, 3> spacing = {};       ///< mm
  std::array<double, 12> to_patient = {};  ///< as in Volume
};
StudyGrid grid_of(const Volume& volume);

/// |original - reconstructed| in Hounsfield units on the study's own grid: every slice of the study
/// that a reconstructed plane stands for (at least the nearest one), bilinear in its plane; 0 where
/// nothing was reconstructed. `statistics`: of diffusion_reconstruction, for its planes.
Volume difference_volume(const ReconstructedSlices& slices, const SliceStatistics& statistics,
                         const StudyGrid& grid, const Geometry3d& geometry);

/// A sheet to look at (PNG): each slice, its reconstruction and the difference in colour, with its
/// L1 error, the scale of the colours and the warning that it is for support only. As a radiologist
/// expects it: patient's left on the right, back below. Throws Error{internal} where it cannot be
/// written.
void write_sheet(const std::filesystem::path& path, const ReconstructedSlices& slices,
                 const SliceStatistics& statistics, int64_t planes_in_all);

/// difference.nii.gz and anomaly.png in `folder`, which is made where it is missing. Throws
/// Error{internal} where the disk refuses.
void write_maps(const std::filesystem::path& folder, const Scores& scores, const StudyGrid& grid,
                const Geometry3d& geometry);

}  // namespace ctclip
