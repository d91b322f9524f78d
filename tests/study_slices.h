#pragma once

#include <string>

#include "study/series_rules.h"
#include "study/slice.h"
#include "testing.h"

namespace ctclip::testing {

/// A slice as an ordinary head-first supine chest CT has it.
inline Slice make_slice(double z, const std::string& sop_uid, const std::string& series_uid = "2") {
  Slice slice;
  slice.study_uid = "1";
  slice.series_uid = series_uid;
  slice.sop_uid = sop_uid;
  slice.sop_class_uid = "1.2.840.10008.5.1.4.1.1.2";
  slice.modality = "CT";
  slice.image_type = {"ORIGINAL", "PRIMARY", "AXIAL"};
  slice.rows = 4;
  slice.columns = 3;
  slice.bits_allocated = slice.bits_stored = 16;
  slice.high_bit = 15;
  slice.has_pixels = true;
  slice.photometric = "MONOCHROME2";
  slice.position = {-10, -20, z};
  slice.orientation = {1, 0, 0, 0, 1, 0};
  slice.pixel_spacing = {0.8, 0.7};
  return slice;
}

/// `count` slices, `gap` mm apart, their UIDs in the order of their heights.
inline Contents make_series(int count, double gap = 2, const std::string& series_uid = "2") {
  Contents contents;
  for (int i = 0; i < count; ++i) {
    contents.slices.push_back(
        make_slice(-50 + i * gap, series_uid + "." + std::to_string(1000 + i), series_uid));
  }
  return contents;
}

inline void append(Contents& to, const Contents& more) {
  to.slices.insert(to.slices.end(), more.slices.begin(), more.slices.end());
}

}  // namespace ctclip::testing
