#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/watch.h"
#include "study/limits.h"
#include "study/source.h"

namespace ctclip {

/// One image: a single-frame DICOM file, or one frame of an enhanced multi-frame one, without its
/// pixels. Attribute names and meanings are those of DICOM PS3.3. Holds nothing that identifies a
/// patient.
struct Slice {
  std::size_t file = 0;  ///< in its Source
  int32_t frame = 0;     ///< within the file, from 0
  int32_t frames = 1;    ///< in the file

  std::string study_uid, series_uid, sop_uid, sop_class_uid, modality, transfer_syntax;
  std::vector<std::string> image_type;          ///< of the frame (FrameType) where it has its own
  std::vector<std::string> convolution_kernel;  ///< (0018,1210), multi-valued for some vendors
  std::string filter_type;                      ///< (0018,1160)
  std::string body_part, manufacturer;
  std::string patient_position;  ///< "HFS", or empty

  int32_t rows = 0, columns = 0, samples_per_pixel = 1;
  int32_t bits_allocated = 0, bits_stored = 0, high_bit = 0;
  bool is_signed = false, has_pixels = false;
  std::string photometric;

  std::optional<std::array<double, 3>> position;  ///< ImagePositionPatient, LPS mm
  std::optional<std::array<double, 6>>
      orientation;  ///< ImageOrientationPatient: row direction, column direction
  std::optional<std::array<double, 2>> pixel_spacing;  ///< between rows, between columns, mm
  std::optional<double> slice_thickness;
  double slope = 1, intercept = 0;  ///< 1 and 0 where either is absent
  std::optional<int32_t> padding,
      padding_limit;  ///< PixelPaddingValue, PixelPaddingRangeLimit, stored values

  std::string defect;  ///< why it is no valid slice ("no StudyInstanceUID"); empty where it is one
};

/// Counts of what was passed over, by reason, and the slices of everything else in the order of the
/// source.
struct Contents {
  std::vector<Slice> slices;
  int64_t images = 0;  ///< how many slices: known also where their headers were left behind
  int64_t hidden = 0, dicomdir = 0, not_dicom = 0, no_image = 0;
  std::vector<std::string> warnings;
};

/// Reads the header of every file, in parallel, never more than limits.header_bytes of one and
/// never its pixels. A file that is no DICOM, or a damaged DICOM file, is counted or becomes a
/// Slice with a defect; it never throws for one file. Throws Error{damaged_archive,
/// encrypted_archive, too_many_slices, cancelled}: what concerns the archive as a whole, as an
/// answer made without the entries that do not match their checksums would be an answer to another
/// study.
Contents scan(const Source& source, const Limits& limits, ThreadPool& pool, Watch& watch);

/// Hounsfield units of the image in row-major order (rows x columns), valid during the call.
using TakeImage = std::function<void(std::size_t slice, std::span<const float> hu)>;

/// Decodes the frames of one file: `slices` are of the same file, `take` is called once for each
/// with its index, in the order of the frames. HU = stored * slope + intercept in double, rounded
/// to float; bits outside BitsStored are dropped first (sign-extended or masked). Padding (equal to
/// PixelPaddingValue, or between it and PixelPaddingRangeLimit) becomes the lower of what the
/// formula gives and -1024 HU. One frame is in memory at a time. Any number of threads may call it;
/// frames of one multi-frame file are cheapest in one call, as each call reads from the file's
/// front. Throws Error{undecodable_pixels, image_too_large, damaged_archive}: the file's label,
/// what was expected, what was found.
void decode(const Source& source, std::span<const Slice* const> slices, const Limits& limits,
            const TakeImage& take);

}  // namespace ctclip
