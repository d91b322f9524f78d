#pragma once

#include <string_view>

#include "phantom/series_writer.h"

namespace ctclip::phantom {

/// Sets text elements of a data set. Throws Error{internal} where DCMTK finds a value impossible.
class Tags {
 public:
  explicit Tags(DcmDataset& dataset) : dataset_(dataset) {}
  Tags& put(const DcmTagKey& tag, std::string_view value);
  Tags& put(const DcmTagKey& tag, double value);  ///< as DS: at most 16 characters
  Tags& put(const DcmTagKey& tag, int64_t value);

 private:
  DcmDataset& dataset_;
};

/// DICOM PS3.3 A.3.3, the modules of a CT image: what is the same for all images of a study.
void put_study(DcmDataset& dataset, const StudyHeader& study);

/// Modules of a series, and of the equipment that made it.
struct SeriesFacts {
  std::string uid, description;
  int64_t number = 1;
  std::string_view protocol, kernel;  ///< kernel: empty for a localizer
};
void put_series(DcmDataset& dataset, const StudyHeader& study, const SeriesFacts& series);

/// Where an image is.
struct ImagePlace {
  std::string uid;
  int64_t number = 1;
  std::array<double, 3> position = {};  ///< mm, LPS, of the first voxel's centre
  std::string_view orientation;
  double row_spacing = 1, column_spacing = 1;  ///< between rows, between columns
};
void put_image(DcmDataset& dataset, const ImagePlace& image);

}  // namespace ctclip::phantom
