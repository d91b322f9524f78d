#include "study/series_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "study/slice_header.h"
#include "study/vec3.h"

namespace ctclip {
namespace {

// CT, Enhanced CT and Legacy Converted Enhanced CT Image Storage (DICOM PS3.4 B.5). A Secondary
// Capture, presentation state or report of modality CT has another class.
constexpr std::array<std::string_view, 3> kCtClasses = {
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"};

constexpr std::array<std::string_view, 2> kLocalizers = {"LOCALIZER", "SCOUT"};

// ImageType values of images that are made from slices and no slices themselves: PS3.3 C.8.15.2 and
// C.8.16.1 (projections, renderings, differences and quotients of images), and what vendors write
// for the same and for screen captures and dose reports.
constexpr std::array<std::string_view, 18> kDerived = {"MIP",
                                                       "MINIP",
                                                       "MAX_IP",
                                                       "MIN_IP",
                                                       "PROJECTION IMAGE",
                                                       "VOLUME_RENDER",
                                                       "VRT",
                                                       "3D",
                                                       "SURFACE_RENDER",
                                                       "SUBTRACTION",
                                                       "DIVISION",
                                                       "MULTIPLICATION",
                                                       "SCREEN SAVE",
                                                       "SCREENSAVE",
                                                       "SCREEN_CAPTURE",
                                                       "DOSE REPORT",
                                                       "DOSE_INFO",
                                                       "DOSE"};

template <std::size_t N>
bool has_any(const Slice& slice, const std::array<std::string_view, N>& words) {
  return std::any_of(slice.image_type.begin(), slice.image_type.end(), [&](const auto& value) {
    return std::find(words.begin(), words.end(), value) != words.end();
  });
}

bool has(const Slice& slice, std::string_view word) { return has_any(slice, std::array{word}); }

Vec3 row_of(const Slice& s) {
  return {(*s.orientation)[0], (*s.orientation)[1], (*s.orientation)[2]};
}
Vec3 column_of(const Slice& s) {
  return {(*s.orientation)[3], (*s.orientation)[4], (*s.orientation)[5]};
}

/// Unit vectors at a right angle, as far as decimal strings of a few digits can say.
bool makes_sense(const Slice& slice) {
  const Vec3 row = row_of(slice), column = column_of(slice);
  constexpr double kTolerance = 1e-2;
  return finite(row) && finite(column) && std::abs(length(row) - 1) < kTolerance &&
         std::abs(length(column) - 1) < kTolerance && std::abs(dot(row, column)) < kTolerance;
}

/// A scanner's pixels are 0.1 to 2 mm; what is far beyond is a damaged header.
bool is_spacing(double mm) { return std::isfinite(mm) && mm >= 0.01 && mm <= 10; }
bool is_position(const Vec3& mm) {
  return std::all_of(mm.begin(), mm.end(), [](double x) { return std::abs(x) < 1e5; });
}

std::optional<Omission> judge_kind(const Slice& slice) {
  if (slice.samples_per_pixel > 1) return Omission{Code::no_axial_series, "a colour image"};
  const bool says_modality = slice.defect.empty() || !slice.modality.empty();
  if (says_modality && slice.modality != "CT") {
    return Omission{Code::not_ct, "the modality is " + printable(slice.modality) + ", not CT"};
  }
  if (!slice.sop_class_uid.empty() &&
      std::find(kCtClasses.begin(), kCtClasses.end(), slice.sop_class_uid) == kCtClasses.end()) {
    return Omission{Code::no_axial_series, "a secondary capture or other object, no CT image"};
  }
  if (has_any(slice, kLocalizers)) return Omission{Code::no_axial_series, "a localizer"};
  if ((has(slice, "DERIVED") && has(slice, "SECONDARY")) || has_any(slice, kDerived)) {
    return Omission{Code::no_axial_series,
                    "a derived secondary image (projection, screen capture or report)"};
  }
  if (slice.defect.empty()) return std::nullopt;
  const bool lacks_uid = slice.defect == missing_uid(slice);
  return Omission{lacks_uid ? Code::missing_uid : Code::too_few_slices, slice.defect};
}

std::optional<Omission> judge_geometry(const Slice& slice, const Limits& limits) {
  const auto missing = [](const char* what) { return Omission{Code::missing_geometry, what}; };
  if (slice.rows > limits.max_matrix || slice.columns > limits.max_matrix) {
    return Omission{Code::image_too_large, std::to_string(slice.rows) + " x " +
                                               std::to_string(slice.columns) + " pixels, at most " +
                                               std::to_string(limits.max_matrix) + " each way"};
  }
  if (!slice.position) return missing("no ImagePositionPatient");
  if (!is_position(*slice.position)) return missing("ImagePositionPatient makes no sense");
  if (!slice.orientation) return missing("no ImageOrientationPatient");
  if (!makes_sense(slice)) return missing("ImageOrientationPatient makes no sense");
  if (!slice.pixel_spacing) return missing("no PixelSpacing");
  if (!is_spacing((*slice.pixel_spacing)[0]) || !is_spacing((*slice.pixel_spacing)[1])) {
    return missing("PixelSpacing makes no sense");
  }
  return std::nullopt;
}

bool near(double a, double b, double absolute, double relative) {
  return std::abs(a - b) <= absolute + relative * std::abs(b);
}

}  // namespace

std::optional<Omission> omission(const Slice& slice, const Limits& limits) {
  if (auto kind = judge_kind(slice)) return kind;
  return judge_geometry(slice, limits);
}

bool is_axial(const Slice& slice) {
  const Vec3 row = unit(row_of(slice)), column = unit(column_of(slice));
  const Vec3 x = {1, 0, 0}, y = {0, 1, 0};
  const auto along = [](const Vec3& a, const Vec3& b) {
    return angle_between_lines(a, b) <= kAxialDegrees;
  };
  return (along(row, x) && along(column, y)) || (along(row, y) && along(column, x));
}

bool same_frame(const Slice& a, const Slice& b) {
  if (a.rows != b.rows || a.columns != b.columns) return false;
  for (std::size_t i = 0; i < 6; ++i) {
    if (!near((*a.orientation)[i], (*b.orientation)[i], 1e-3, 1e-3)) return false;
  }
  return near((*a.pixel_spacing)[0], (*b.pixel_spacing)[0], 0, 1e-3) &&
         near((*a.pixel_spacing)[1], (*b.pixel_spacing)[1], 0, 1e-3);
}

std::string printable(const std::string& text) {
  std::string safe = text.substr(0, 16);
  for (char& c : safe) {
    const bool fine = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == ' ' || c == '_' || c == '-' || c == '+' || c == '.' || c == '\\';
    if (!fine) c = '?';
  }
  return safe.empty() ? "(none)" : safe;
}

std::string counted(int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace ctclip
