#include <gmock/gmock.h>

#include <functional>
#include <numeric>

#include "study/assemble.h"
#include "study/orientation.h"
#include "study_slices.h"

namespace ctclip {
namespace {

using ::ctclip::testing::make_series;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Series whole(const Contents& contents) {
  Series series;
  series.slices.resize(contents.slices.size());
  std::iota(series.slices.begin(), series.slices.end(), std::size_t{0});
  series.rows = contents.slices.front().rows;
  series.columns = contents.slices.front().columns;
  return series;
}

Geometry plan(const Contents& contents) { return plan_geometry(contents, whole(contents)); }

/// The series at these heights.
Contents at(const std::vector<double>& heights) {
  Contents contents = make_series(static_cast<int>(heights.size()));
  for (std::size_t i = 0; i < heights.size(); ++i) (*contents.slices[i].position)[2] = heights[i];
  return contents;
}

std::vector<double> heights(int count, double gap) {
  std::vector<double> all(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<double>(i) * gap;
  return all;
}

Error refusal(const Contents& contents) {
  try {
    plan(contents);
  } catch (const Error& error) {
    return error;
  }
  return {Code::internal, "it was not refused"};
}

TEST(PlanGeometry, OrdersByPositionAlongTheNormal) {
  Contents contents = at({4, 0, 6, 2});
  const Geometry geometry = plan(contents);
  EXPECT_THAT(geometry.order, ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(geometry.positions, ElementsAre(0, 2, 4, 6));
  EXPECT_THAT(geometry.spacing, ElementsAre(2, 0.8, 0.7));
  EXPECT_FALSE(geometry.flip_rows || geometry.flip_columns || geometry.flip_slices ||
               geometry.transposed || geometry.resampled);
  EXPECT_THAT(geometry.warnings, IsEmpty());
}

TEST(PlanGeometry, AcceptsJitterAsItIs) {
  std::vector<double> z = heights(30, 3);
  z[7] += 0.04;
  const Geometry geometry = plan(at(z));
  EXPECT_FALSE(geometry.resampled);
  EXPECT_EQ(geometry.slices, 30);
  EXPECT_DOUBLE_EQ(geometry.spacing[0], 3);
}

TEST(PlanGeometry, FillsInOneMissingSlice) {
  std::vector<double> z = heights(30, 3);
  z.erase(z.begin() + 14);
  const Geometry geometry = plan(at(z));
  EXPECT_TRUE(geometry.resampled);
  EXPECT_EQ(geometry.slices, 30);
  EXPECT_DOUBLE_EQ(geometry.spacing[0], 3);
  EXPECT_THAT(geometry.warnings, ElementsAre(HasSubstr("missing between 39.0 and 45.0 mm")));
  const auto parts = shares(geometry);
  ASSERT_EQ(parts.size(), 29U);
  ASSERT_EQ(parts[13].size(), 2U);  // itself and half of the missing one
  EXPECT_EQ(parts[13][1].slice, 14);
  EXPECT_FLOAT_EQ(parts[13][1].weight, 0.5F);
  ASSERT_EQ(parts[14].size(), 2U);
  EXPECT_EQ(parts[14][0].slice, 14);
  EXPECT_FLOAT_EQ(parts[14][0].weight, 0.5F);
  EXPECT_EQ(parts[14][1].slice, 15);
  EXPECT_EQ(parts[14][1].weight, 1);
}

TEST(PlanGeometry, ResamplesUnevenSpacingWithinTolerance) {
  std::vector<double> z = heights(30, 3);
  z[10] += 0.3;
  const Geometry geometry = plan(at(z));
  EXPECT_TRUE(geometry.resampled);
  EXPECT_EQ(geometry.slices, 30);
  EXPECT_THAT(geometry.warnings, ElementsAre(HasSubstr("resampled to 3.00 mm")));
  // Every slice of the volume is made of shares that add up to one and meet its height.
  std::vector<double> total(30), height(30);
  const auto parts = shares(geometry);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (const Share& share : parts[i]) {
      total[static_cast<std::size_t>(share.slice)] += share.weight;
      height[static_cast<std::size_t>(share.slice)] += share.weight * z[i];
    }
  }
  for (std::size_t k = 0; k < 30; ++k) {
    EXPECT_NEAR(total[k], 1, 1e-6);  // of two float32 weights
    EXPECT_NEAR(height[k], 3.0 * static_cast<double>(k), 1e-5);
  }
}

TEST(PlanGeometry, RefusesSeveralMissingSlicesAndSaysWhere) {
  std::vector<double> z = heights(30, 3);
  z.erase(z.begin() + 14, z.begin() + 16);
  const Error error = refusal(at(z));
  EXPECT_EQ(error.code(), Code::missing_slices);
  EXPECT_THAT(error.what(), HasSubstr("2 slices in a row are missing between 39.0 and 48.0 mm"));
}

TEST(PlanGeometry, RefusesManySingleGaps) {
  std::vector<double> z = heights(40, 3);
  for (std::ptrdiff_t i : {30, 20, 10}) z.erase(z.begin() + i);
  const Error error = refusal(at(z));
  EXPECT_EQ(error.code(), Code::missing_slices);
  EXPECT_THAT(error.what(), HasSubstr("3 slices are missing"));
}

TEST(PlanGeometry, RefusesUnevenSpacing) {
  std::vector<double> z = heights(30, 3);
  for (std::size_t i = 20; i < z.size(); ++i) z[i] += 1.3;  // a gap of 4.3 mm
  const Error error = refusal(at(z));
  EXPECT_EQ(error.code(), Code::uneven_spacing);
  EXPECT_THAT(error.what(), HasSubstr("at 57.0 and 61.3 mm are 4.30 mm apart"));
}

TEST(PlanGeometry, TellsATiltWithinToleranceAndRefusesALargerOne) {
  Contents contents = make_series(30, 3);
  const auto shear = [&](double step) {
    for (std::size_t i = 0; i < 30; ++i) {
      (*contents.slices[i].position)[1] = -20 + step * static_cast<double>(i);
    }
  };
  shear(0.15);  // 2.86 degrees
  const Geometry geometry = plan(contents);
  EXPECT_NEAR(geometry.tilt_degrees, 2.862, 1e-3);
  EXPECT_DOUBLE_EQ(geometry.spacing[0], std::hypot(3, 0.15));
  EXPECT_THAT(geometry.warnings, ElementsAre(HasSubstr("2.9 degrees")));
  shear(0.17);  // 3.24 degrees
  EXPECT_EQ(refusal(contents).code(), Code::gantry_tilt);
}

TEST(PlanGeometry, AnObliqueStackAlongItsOwnNormalHasNoTilt) {
  Contents contents = make_series(30, 3);
  for (std::size_t i = 0; i < 30; ++i) {
    contents.slices[i].orientation = {1, 0, 0, 0, 0.96, 0.28};  // normal (0, -0.28, 0.96)
    const double t = 3.0 * static_cast<double>(i);
    contents.slices[i].position = {0, -0.28 * t, 0.96 * t};
  }
  const Geometry geometry = plan(contents);
  EXPECT_NEAR(geometry.tilt_degrees, 0, 1e-5);
  EXPECT_NEAR(geometry.spacing[0], 3, 1e-12);
}

TEST(PlanGeometry, RefusesASliceBesideTheStack) {
  Contents contents = make_series(30, 3);
  (*contents.slices[10].position)[0] += 40;
  const Error error = refusal(contents);
  EXPECT_EQ(error.code(), Code::inconsistent_geometry);
  EXPECT_THAT(error.what(), HasSubstr("lies 40.0 mm off"));
}

TEST(PlanGeometry, RefusesOnePlaceForAll) {
  EXPECT_EQ(refusal(at(std::vector<double>(20, 5.0))).code(), Code::inconsistent_geometry);
}

TEST(PlanGeometry, CountsVoxelsAgainstTheLimit) {
  const Contents contents = make_series(30, 3);
  Limits limits;
  limits.max_voxels = 30 * 4 * 3;
  EXPECT_NO_THROW(plan_geometry(contents, whole(contents), limits));
  limits.max_voxels -= 1;
  try {
    plan_geometry(contents, whole(contents), limits);
    FAIL() << "no limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::image_too_large);
  }
}

/// One way of storing the same patient: directions of the image's axes and of the stack.
struct Storage {
  const char* name;
  std::array<double, 6> orientation;
};
class StorageTest : public ::testing::TestWithParam<Storage> {};

/// A value that tells its place in the patient (mm): all differ over a few centimetres.
double value_at(const Vec3& p) { return p[0] + 100 * p[1] + 10000 * p[2]; }

TEST_P(StorageTest, GivesTheVolumeThatIsStoredStraight) {
  const auto& o = GetParam().orientation;
  const Vec3 row = {o[0], o[1], o[2]}, column = {o[3], o[4], o[5]};
  const int64_t rows = 4, columns = 3;
  const double between_rows = 2, between_columns = 3;
  Contents contents = make_series(5, 7);
  for (Slice& slice : contents.slices) {
    slice.orientation = o;
    slice.pixel_spacing = {between_rows, between_columns};
  }
  const Geometry geometry = plan(contents);
  const Matrix matrix = oriented(geometry, rows, columns);
  const auto m = to_patient(geometry, {0, 0, 7}, rows, columns);
  for (std::size_t k = 0; k < geometry.order.size(); ++k) {
    const Vec3& position = *contents.slices[geometry.order[k]].position;
    std::vector<float> image;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        const Vec3 place = add(position, add(scale(row, static_cast<double>(c) * between_columns),
                                             scale(column, static_cast<double>(r) * between_rows)));
        image.push_back(static_cast<float>(value_at(place)));
      }
    }
    for_each_pixel(geometry, rows, columns, image, [&](int64_t to, float found) {
      const int64_t row = to / matrix.columns;
      const auto r = static_cast<double>(row);
      const auto c = static_cast<double>(to % matrix.columns);
      const auto s = static_cast<double>(k);
      Vec3 place;
      for (std::size_t i = 0; i < 3; ++i) {
        place[i] = m[4 * i] * s + m[4 * i + 1] * r + m[4 * i + 2] * c + m[4 * i + 3];
      }
      EXPECT_FLOAT_EQ(found, static_cast<float>(value_at(place)));
    });
  }
  // Slices to the head, rows to the back, columns to the left.
  EXPECT_GT(m[8], 0);
  EXPECT_GT(m[5], 0);
  EXPECT_GT(m[2], 0);
  EXPECT_EQ(geometry.spacing[1], geometry.transposed ? between_columns : between_rows);
  EXPECT_EQ(geometry.spacing[2], geometry.transposed ? between_rows : between_columns);
}

INSTANTIATE_TEST_SUITE_P(PlanGeometry, StorageTest,
                         ::testing::Values(Storage{"Straight", {1, 0, 0, 0, 1, 0}},
                                           Storage{"Prone", {-1, 0, 0, 0, -1, 0}},
                                           Storage{"FeetFirst", {-1, 0, 0, 0, 1, 0}},
                                           Storage{"RowsToTheFront", {1, 0, 0, 0, -1, 0}},
                                           Storage{"OnTheLeftSide", {0, -1, 0, 1, 0, 0}},
                                           Storage{"OnTheRightSide", {0, 1, 0, -1, 0, 0}},
                                           Storage{"Transposed", {0, 1, 0, 1, 0, 0}},
                                           Storage{"BothTransposedAndTurned",
                                                   {0, -1, 0, -1, 0, 0}}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ctclip
