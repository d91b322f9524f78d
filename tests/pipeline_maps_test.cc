#include "pipeline/maps.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/error.h"
#include "detectors/prepare.h"
#include "detectors/slices.h"
#include "drawing/canvas.h"
#include "study/nifti.h"
#include "testing.h"

namespace ctclip {
namespace {

constexpr int64_t kSize = 32;
const Geometry3d kGeometry{{1.0F, 0.75F, 0.75F}, {20, 40, 48, 10, 8}};
// 24 slices of 1 mm, 60 rows of 0.5 mm, 50 columns of 0.6 mm: 24 x 40 x 40 voxels of the geometry,
// so two slices cropped at either end, padding along W, all of H.
const StudyGrid kGrid{
    {24, 60, 50}, {1.0F, 0.5F, 0.6F}, {0, 0, 0.6, -10, 0, 0.5, 0, 20, 1, 0, 0, 30}};

/// Slices whose difference in HU is what `value` says of a place in the study, in mm from its
/// corner: cut from a volume that was prepared like any other.
struct Case {
  explicit Case(const std::function<float(double, double, double)>& value) {
    Volume volume{Tensor::zeros({kGrid.size[0], kGrid.size[1], kGrid.size[2]}), kGrid.spacing, {}};
    float* out = volume.hu.data();
    for (int64_t s = 0; s < kGrid.size[0]; ++s) {
      for (int64_t r = 0; r < kGrid.size[1]; ++r) {
        for (int64_t c = 0; c < kGrid.size[2]; ++c) {
          *out++ = value(static_cast<double>(s), static_cast<double>(r), static_cast<double>(c));
        }
      }
    }
    ThreadPool pool(1);
    Watch watch;
    const Tensor prepared = prepare(volume, kGeometry, pool, watch);
    statistics.planes = {5, 10};
    statistics.slices = {0.5, 0.25};
    slices.original = Tensor::zeros({2, kSize, kSize});
    slices.reconstructed = Tensor::zeros({2, kSize, kSize});
    const SliceFrame frame(40, 48, kSize);
    for (int64_t i = 0; i < 2; ++i) {
      frame(prepared.data() + statistics.planes[static_cast<std::size_t>(i)] * 40 * 48, 48,
            slices.original.data() + i * kSize * kSize);
    }
  }
  ReconstructedSlices slices;
  SliceStatistics statistics;
};

TEST(DifferenceVolume, LiesWhereTheStudyLies) {
  // Linear in the plane: resampling there and back leaves it as it is, but for the border.
  const Case linear(
      [](double, double r, double c) { return static_cast<float>(10 + 2 * r + 3 * c); });
  const Volume map = difference_volume(linear.slices, linear.statistics, kGrid, kGeometry);
  EXPECT_EQ(map.hu.shape(), (Shape{24, 60, 50}));
  EXPECT_EQ(map.spacing, kGrid.spacing);
  EXPECT_EQ(map.to_patient, kGrid.to_patient);
  // Two slices are cropped in front: plane 5 is slice 7, plane 10 slice 12.
  std::vector<int64_t> painted;
  for (int64_t s = 0; s < 24; ++s) {
    if (map.hu.data()[(s * 60 + 30) * 50 + 25] != 0) painted.push_back(s);
  }
  EXPECT_EQ(painted, (std::vector<int64_t>{7, 12}));
  for (const int64_t s : painted) {
    for (int64_t r = 4; r < 56; ++r) {
      for (int64_t c = 4; c < 46; ++c) {
        // Linear within float32; kernels round at values up to 280.
        EXPECT_NEAR(map.hu.data()[(s * 60 + r) * 50 + c], 10 + 2 * r + 3 * c, 2e-3)
            << s << " " << r;
      }
    }
  }
}

TEST(DifferenceVolume, AThickSliceStudyHasItsNearestSlicePainted) {
  const Case any([](double, double, double) { return 100.0F; });
  StudyGrid thick = kGrid;
  thick.size = {6, 60, 50};
  thick.spacing[0] =
      5;  // 30 resampled slices, 5 cropped: plane 5 lies at slice 10.5 * 0.2 - 0.5 = 1.6
  const Volume map = difference_volume(any.slices, any.statistics, thick, kGeometry);
  for (int64_t s = 0; s < 6; ++s) {
    const bool expected = s == 2 || s == 3;  // plane 10: 2.6
    EXPECT_EQ(map.hu.data()[(s * 60 + 30) * 50 + 25] > 0, expected) << s;
  }
}

TEST(DifferenceVolume, IsZeroBesideTheCentredSquare) {
  // A study wider than the geometry: 80 columns of 0.75 mm, of which the middle 40 were seen.
  const Case any([](double, double, double) { return 100.0F; });
  StudyGrid wide = kGrid;
  wide.size = {24, 60, 80};
  wide.spacing[2] = 0.75F;
  const Volume map = difference_volume(any.slices, any.statistics, wide, kGeometry);
  const float* row = map.hu.data() + (7 * 60 + 30) * 80;
  EXPECT_EQ(row[19], 0);
  EXPECT_NEAR(row[20], 100, 1e-3);
  EXPECT_NEAR(row[59], 100, 1e-3);
  EXPECT_EQ(row[60], 0);
}

TEST(WriteMaps, WritesAVolumeAndASheetThatCanBeRead) {
  Case any([](double s, double r, double c) { return static_cast<float>(s * 10 + r + c); });
  const testing::TempDir folder;
  Scores scores;
  scores.diffusion_reconstruction = any.statistics;
  scores.reconstructed = std::make_shared<ReconstructedSlices>(std::move(any.slices));
  write_maps(folder.path() / "new" / "maps", scores, kGrid, kGeometry);

  Watch watch;
  const Assembly read = read_nifti(folder.path() / "new" / "maps" / "difference.nii.gz", {}, watch);
  const Volume expected =
      difference_volume(*scores.reconstructed, *scores.diffusion_reconstruction, kGrid, kGeometry);
  EXPECT_EQ(read.volume.hu.shape(), expected.hu.shape());
  EXPECT_TRUE(std::ranges::equal(read.volume.hu.values(), expected.hu.values()));

  const drawing::Picture sheet = drawing::read_png(folder.path() / "new" / "maps" / "anomaly.png");
  EXPECT_GT(sheet.width, 1000);
  EXPECT_GT(sheet.height, 250);
  int coloured = 0;  // only the differences and their scale have a hue
  int light = 0;     // text and pictures
  for (const drawing::Colour& pixel : sheet.pixels) {
    coloured += std::abs(pixel.blue - pixel.red) > 40 ? 1 : 0;
    light += pixel.red > 150 && pixel.green > 150 && pixel.blue > 150 ? 1 : 0;
  }
  EXPECT_GT(coloured, 192 * 192 / 2);
  EXPECT_GT(light, 1000);
}

TEST(WriteMaps, RefusesAFolderThatCannotBeMadeAndScoresWithoutSlices) {
  Case any([](double, double, double) { return 1.0F; });
  const testing::TempDir folder;
  Scores scores;
  EXPECT_THROW(write_maps(folder.path(), scores, kGrid, kGeometry), Error);
  scores.diffusion_reconstruction = any.statistics;
  scores.reconstructed = std::make_shared<ReconstructedSlices>(std::move(any.slices));
  EXPECT_THROW(write_maps("/proc/nothing/here", scores, kGrid, kGeometry), Error);
}

}  // namespace
}  // namespace ctclip
