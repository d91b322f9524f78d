#pragma once

#include <filesystem>

#include "base/watch.h"
#include "study/assemble.h"
#include "study/input_file.h"
#include "study/limits.h"

namespace ctclip {

/// NIfTI-1 (.nii, .nii.gz; NIfTI-2 too), either byte order, all integer and float types; values are
/// HU already, scl_slope and scl_inter are applied once (slope 0 or NaN: no scaling). Orientation
/// by sform, else qform; with neither the array is taken as dicom2nifti stores it (x to the left, y
/// to the back, z to the head) with a warning. Spacing is pixdim, or the affine's, with a warning,
/// where the two differ by more than 0.1 %. As for DICOM the slices (third axis) must be axial
/// within kAxialDegrees and sheared by 3 degrees at most; axes that run the other way are flipped.
/// Values that are no numbers become -1024 HU with a warning.
///
/// Streams slice by slice: nothing is read beyond what the header claims, and a claim that the file
/// cannot hold is refused before memory is taken. Debian's libnifti reads the whole file at once by
/// the sizes in its header and rescales into a second copy, hence our own reader.
///
/// Throws Error{damaged_nifti, image_too_large, too_few_slices, too_many_slices, no_axial_series,
/// inconsistent_geometry, gantry_tilt}.
Assembly read_nifti(const InputFile& input, const Limits& limits, Watch& watch,
                    const VolumeMemory& memory = Tensor::uninitialised);

/// NIfTI-1, float32, sform and qform from volume.to_patient (RAS); gzip where the name ends in .gz.
/// pixdim is volume.spacing. Throws Error{internal} where the disk refuses.
void write_nifti(const std::filesystem::path& path, const Volume& volume);
/// The same into an open file, which it closes; gzip if `zipped`. `name` is what an error calls it.
void write_nifti(int descriptor, const std::string& name, const Volume& volume, bool zipped);

}  // namespace ctclip
