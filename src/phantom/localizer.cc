#include <algorithm>
#include <cmath>

#include "phantom/dicom_tags.h"
#include "phantom/series_writer.h"
#include "phantom/uid.h"

namespace ctclip::phantom {
namespace {

constexpr float kBright = 5, kAir = -1000;  // values for each mm of water, and without any
constexpr int64_t kSide = 512;              // columns at most

/// The projection with pixels as wide as high, from the head down.
struct LocalizerImage {
  int64_t rows = 0, columns = 0;
  double spacing = 1;
  std::vector<int16_t> values;
};

float between(const Projection& projection, double slice, double column) {
  const auto last = [](int64_t size) { return static_cast<double>(size - 1); };
  slice = std::clamp(slice, 0.0, last(projection.slices));
  column = std::clamp(column, 0.0, last(projection.columns));
  const auto s = static_cast<int64_t>(slice), c = static_cast<int64_t>(column);
  const auto at = [&](int64_t i, int64_t j) {
    return projection
        .water[static_cast<std::size_t>(std::min(i, projection.slices - 1) * projection.columns +
                                        std::min(j, projection.columns - 1))];
  };
  const auto v = static_cast<float>(slice - static_cast<double>(s));
  const auto h = static_cast<float>(column - static_cast<double>(c));
  return (1 - v) * ((1 - h) * at(s, c) + h * at(s, c + 1)) +
         v * ((1 - h) * at(s + 1, c) + h * at(s + 1, c + 1));
}

LocalizerImage make_image(const Acquisition& scan, const Projection& projection) {
  LocalizerImage image;
  image.columns = std::min(kSide, scan.matrix);
  image.spacing = scan.field_of_view / static_cast<double>(image.columns);
  const double height = static_cast<double>(scan.slices()) * scan.increment;
  image.rows = std::max<int64_t>(1, std::llround(height / image.spacing));
  const double across = static_cast<double>(scan.matrix) / static_cast<double>(image.columns);
  for (int64_t row = 0; row < image.rows; ++row) {
    const double slice = static_cast<double>(projection.slices - 1) -
                         static_cast<double>(row) * image.spacing / scan.increment;
    for (int64_t column = 0; column < image.columns; ++column) {
      const double x = (static_cast<double>(column) + 0.5) * across - 0.5;
      const float value = kAir + kBright * between(projection, slice, x);
      image.values.push_back(static_cast<int16_t>(std::clamp<float>(value, kLowestHu, kHighestHu)));
    }
  }
  return image;
}

}  // namespace

std::vector<std::byte> encode_localizer(const StudyHeader& study, const Projection& projection) {
  const Acquisition& scan = study.acquisition;
  const LocalizerImage image = make_image(scan, projection);
  DcmFileFormat file;
  DcmDataset& dataset = *file.getDataset();
  put_study(dataset, study);
  put_series(dataset, study, {uid_of(study.identity + "/series 1"), "Localizer", 1, "Phantom", ""});
  Tags tags(dataset);
  tags.put(DCM_ImageType, "ORIGINAL\\PRIMARY\\LOCALIZER").put(DCM_SliceThickness, 0.6);
  tags.put(DCM_WindowCenter, "0").put(DCM_WindowWidth, "1500");
  ImagePlace place;
  place.uid = uid_of(study.identity + "/series 1/image 1");
  place.position = {-0.5 * (scan.field_of_view - image.spacing), 0, scan.z_of(scan.slices() - 1)};
  place.orientation = "1\\0\\0\\0\\0\\-1";
  place.row_spacing = place.column_spacing = image.spacing;
  put_image(dataset, place);
  put_pixels(dataset, study.style.format, image.values, image.rows, image.columns);
  return encode_file(file, study.syntax);
}

}  // namespace ctclip::phantom
