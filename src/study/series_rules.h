#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "study/slice.h"

namespace ctclip {

/// The largest angle, in degrees, between an axial image's axes and the patient's. The networks
/// know axial volumes only; up to 20 degrees an oblique one, taken as axial, has lengths and
/// distances wrong by less than 1 - cos(20) = 6 %, and which image axis is which stays beyond
/// doubt.
inline constexpr double kAxialDegrees = 20;

/// Why an image is no slice of a CT volume.
struct Omission {
  Code code;
  std::string reason;  ///< "a localizer": completes "12 images left out: "
};

/// Nothing for an image that can be a slice. Judges the image alone: defects, modality, SOP class,
/// ImageType, samples per pixel, position, orientation, spacing, matrix against the limit.
std::optional<Omission> omission(const Slice& slice, const Limits& limits);

/// Both axes of the image lie within kAxialDegrees of the patient's left-right and back-front axes,
/// in either order and direction. Needs an orientation.
bool is_axial(const Slice& slice);

/// Same rows and columns, direction cosines within 1e-3 (absolute and relative, as in the
/// reference), pixel spacing within 0.1 %.
bool same_frame(const Slice& a, const Slice& b);

/// Text from a file made safe to print: at most 16 characters, only those of a DICOM code string.
std::string printable(const std::string& text);

/// "1 slice", "2 slices"
std::string counted(int64_t count, const std::string& noun);

}  // namespace ctclip
