#include "detectors/prepare.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "golden.h"

namespace ctclip {
namespace {

// A volume (slices, rows, columns) that is a known function of its indices.
Volume make_volume(int64_t slices, int64_t rows, int64_t columns, std::array<float, 3> spacing) {
  Volume volume;
  volume.hu = Tensor::uninitialised({slices, rows, columns});
  volume.spacing = spacing;
  for (int64_t i = 0; i < volume.hu.size(); ++i) {
    volume.hu.data()[i] = static_cast<float>(i * 7919 % 2400 - 1200);
  }
  return volume;
}

Geometry3d geometry(int64_t frames, int64_t height, int64_t width) {
  Geometry3d out;
  out.vit = {frames, height, width, 1, 1};
  return out;
}

Tensor run(const Volume& volume, const Geometry3d& target) {
  ThreadPool pool(2);
  Watch watch;
  return prepare(volume, target, pool, watch);
}

TEST(PlanAxis, RoundsSizesInFloat32LikeTheReference) {
  EXPECT_EQ(plan_axis(75, 0.7F, 0.75F, 480).resampled, 70);    // float64 would give 69
  EXPECT_EQ(plan_axis(120, 0.9F, 0.75F, 480).resampled, 143);  // not 144
}

TEST(PlanAxis, CentresCropsAndPadsWithTheExtraVoxelBehind) {
  const Axis crop = plan_axis(103, 1.0F, 1.0F, 60);
  EXPECT_EQ(crop.skip, 21);
  EXPECT_EQ(crop.kept, 60);
  EXPECT_EQ(crop.pad, 0);
  const Axis pad = plan_axis(37, 1.0F, 1.0F, 60);
  EXPECT_EQ(pad.skip, 0);
  EXPECT_EQ(pad.kept, 37);
  EXPECT_EQ(pad.pad, 11);  // 23 missing: 11 in front, 12 behind
}

TEST(Prepare, WithoutInterpolationIsTheClippedVolumeWithHOverColumns) {
  const Volume volume = make_volume(24, 10, 12, {1.5F, 0.75F, 0.75F});
  const Tensor out = run(volume, geometry(30, 16, 10));
  for (int64_t d = 0; d < 30; ++d) {
    for (int64_t h = 0; h < 16; ++h) {
      for (int64_t w = 0; w < 10; ++w) {
        const int64_t slice = d - 3;
        const int64_t column = h - 2;
        const bool inside = slice >= 0 && slice < 24 && column >= 0 && column < 12;
        const float hu = inside ? volume.hu.data()[(slice * 10 + w) * 12 + column] : -1000;
        ASSERT_EQ(out.data()[(d * 16 + h) * 10 + w], std::clamp(hu, -1000.0F, 1000.0F) / 1000)
            << d << ' ' << h << ' ' << w;
      }
    }
  }
}

// The definition, voxel by voxel in double, without regard to speed.
double reference_voxel(const Volume& volume, const std::array<Axis, 3>& axes, int64_t d, int64_t h,
                       int64_t w) {
  const std::array<int64_t, 3> at = {d - axes[0].pad + axes[0].skip, h - axes[1].pad + axes[1].skip,
                                     w - axes[2].pad + axes[2].skip};
  double sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    double weight = 1;
    std::array<int64_t, 3> index{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double ratio =
          static_cast<double>(axes[axis].source) / static_cast<double>(axes[axis].resampled);
      const double position = std::max(ratio * (static_cast<double>(at[axis]) + 0.5) - 0.5, 0.0);
      const auto first = static_cast<int64_t>(position);
      const bool second = (corner >> axis & 1) != 0;
      weight *= second ? position - static_cast<double>(first)
                       : 1 - (position - static_cast<double>(first));
      index[axis] = std::min(first + (second ? 1 : 0), axes[axis].source - 1);
    }
    const float hu =
        volume.hu.data()[(index[0] * volume.hu.dim(1) + index[2]) * volume.hu.dim(2) + index[1]];
    sum += weight * std::clamp(hu, -1000.0F, 1000.0F);
  }
  return sum / 1000;
}

TEST(Prepare, IsTrilinearResamplingOfTheClippedVolume) {
  const Volume volume = make_volume(31, 40, 36, {2.5F, 0.9F, 0.7F});
  const Geometry3d target = geometry(34, 28, 60);
  const auto axes = plan_axes(volume, target);
  const Tensor out = run(volume, target);
  double worst = 0;
  for (int64_t d = axes[0].pad; d < axes[0].pad + axes[0].kept; ++d) {
    for (int64_t h = axes[1].pad; h < axes[1].pad + axes[1].kept; ++h) {
      for (int64_t w = axes[2].pad; w < axes[2].pad + axes[2].kept; ++w) {
        const double expected = reference_voxel(volume, axes, d, h, w);
        worst = std::max(worst, std::abs(out.data()[(d * 28 + h) * 60 + w] - expected));
      }
    }
  }
  // Positions are up to 40 voxels in float32 (error 40 * 6e-8 * 3 roundings), a voxel's step is up
  // to 2 units.
  EXPECT_LT(worst, 3 * 40 * 6e-8 * 2 * 3);
}

TEST(Prepare, RefusesAVolumeOfUnderTwentyResampledSlices) {
  try {
    run(make_volume(12, 40, 40, {2.0F, 1.0F, 1.0F}), geometry(34, 40, 40));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_few_slices);
    EXPECT_NE(std::string(error.what()).find("16 slices"), std::string::npos) << error.what();
  }
}

TEST(Prepare, StopsWhenItsStudyIsCancelled) {
  std::stop_source stop;
  Watch watch(stop.get_token());
  stop.request_stop();
  ThreadPool pool(2);
  EXPECT_THROW(prepare(make_volume(30, 40, 40, {2, 1, 1}), geometry(34, 40, 40), pool, watch),
               Error);
}

}  // namespace
}  // namespace ctclip
