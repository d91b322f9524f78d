#pragma once

#include <cstdint>
#include <vector>

#include "study/dicom_reader.h"
#include "study/limits.h"
#include "study/slice.h"

namespace ctclip {

/// The slices that a file's header describes: one, or one for each frame of an enhanced multi-frame
/// image; none where the file is no image at all (a report, a plan). A header that cannot be used
/// gives one Slice with a defect.
std::vector<Slice> read_slices(const DicomReader& reader, std::size_t file, const Limits& limits);

/// Which of the study's, the series' and its own UID an image lacks, "no SeriesInstanceUID, ..."; a
/// text that is no UID (base/uid.h) is none. Empty where it has all three.
std::string missing_uid(const Slice& slice);

}  // namespace ctclip
