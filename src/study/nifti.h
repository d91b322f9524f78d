#pragma once

#include <filesystem>

#include "base/watch.h"
#include "study/assemble.h"
#include "study/limits.h"

namespace ctclip {

/// NIfTI-1 (.nii, .nii.gz; NIfTI-2 too), either byte order, all integer and float types; values are
/// HU already, scl_slope and scl_inter are applied once (slope 0 or NaN: no scaling). Streams; the
/// claimed size is only ever used to refuse. Orientation by sform, else qform; with neither the
/// array is taken as dicom2nifti stores it (x to the left, y to the back, z to the head) with a
/// warning. Spacing is pixdim. Throws Error{damaged_nifti, image_too_large, too_few_slices,
/// no_axial_series, inconsistent_geometry}.
Assembly read_nifti(const std::filesystem::path& path, const Limits& limits, Watch& watch);

/// float32, sform and qform from volume.to_patient (RAS); gzip where the name ends in .gz.
void write_nifti(const std::filesystem::path& path, const Volume& volume);

}  // namespace ctclip
