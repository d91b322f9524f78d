#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "phantom/noise.h"
#include "phantom_testing.h"

namespace ctclip::phantom {
namespace {

Layer layer(Solid solid, Tissue tissue, float hu) {
  Layer layer;
  layer.solid = std::move(solid);
  layer.material = {tissue, hu};
  return layer;
}

/// 300 mm wide and 210 mm deep: what noise is stated for.
Scene water() {
  const Section low = {-500, 0, 0, 150, 105};
  Section high = low;
  high.z = 500;
  return {{layer(loft({low, high}, 0), Tissue::fluid, 0)}};
}

Acquisition quiet() {
  Acquisition acquisition;
  acquisition.matrix = 128;
  acquisition.field_of_view = 320;
  acquisition.bottom = 0, acquisition.top = 40;
  acquisition.thickness = acquisition.increment = 5;
  acquisition.dose = 20;
  acquisition.seed = 5;
  return acquisition;
}

struct Statistics {
  double mean = 0, deviation = 0, neighbours = 0;  // neighbours: correlation along a row
};

/// Of the middle 60 x 60 mm of every slice.
Statistics middle(const std::vector<std::vector<int16_t>>& slices, const Acquisition& acquisition) {
  const int64_t size = acquisition.matrix, reach = std::llround(30 / acquisition.spacing());
  double count = 0, sum = 0, squares = 0, products = 0;
  for (const auto& slice : slices) {
    for (int64_t y = size / 2 - reach; y < size / 2 + reach; ++y) {
      for (int64_t x = size / 2 - reach; x < size / 2 + reach; ++x) {
        const double hu = slice[static_cast<std::size_t>(y * size + x)];
        count += 1, sum += hu, squares += hu * hu;
        products += hu * slice[static_cast<std::size_t>(y * size + x + 1)];
      }
    }
  }
  const double mean = sum / count, variance = squares / count - mean * mean;
  return {mean, std::sqrt(variance), (products / count - mean * mean) / variance};
}

Statistics noise_of(double dose, double thickness, Kernel kernel) {
  Acquisition acquisition = quiet();
  acquisition.matrix = 256;
  acquisition.dose = dose;
  acquisition.thickness = acquisition.increment = thickness;
  return middle(scanned(water(), acquisition, kernel), acquisition);
}

TEST(PhantomScanner, NoiseGoesWithTheRootOfDoseAndThickness) {
  const Statistics usual = noise_of(1, 5, Kernel::soft);
  EXPECT_NEAR(usual.mean, 0, 0.5);
  EXPECT_NEAR(usual.deviation, 12, 1.2);
  EXPECT_NEAR(noise_of(0.25, 5, Kernel::soft).deviation / usual.deviation, 2, 0.1);
  EXPECT_NEAR(noise_of(1, 1.25, Kernel::soft).deviation / usual.deviation, 2, 0.1);
}

TEST(PhantomScanner, NoiseOfTheLungKernelIsStrongAndFineGrained) {
  const Statistics soft = noise_of(1, 5, Kernel::soft), lung = noise_of(1, 5, Kernel::lung);
  EXPECT_NEAR(lung.deviation / soft.deviation, 4, 0.3);
  EXPECT_GT(soft.neighbours, 0.1);
  EXPECT_LT(lung.neighbours, 0.05);
}

TEST(PhantomScanner, NoiseIsWorseBehindMoreTissue) {
  Paths thin, wide;
  thin.rows.assign(64, 200), thin.columns.assign(64, 200);
  wide.rows.assign(64, 340), wide.columns.assign(64, 200);
  const auto deviation = [](const Paths& paths) {
    Plane noise;
    fill_noise(paths, 3, 17, 64, noise);
    double sum = 0;
    for (const float value : noise) sum += value * value;
    return std::sqrt(sum / static_cast<double>(noise.size()));
  };
  EXPECT_GT(deviation(wide), 1.05 * deviation(thin));
}

TEST(PhantomScanner, ASliceIsTheMeanOverItsThickness) {
  // Air above z = 11.5: in 5 mm slices from 0, the third (10 to 15) is 30 % water.
  const Scene scene = {{layer(half_space({0, 0, 11.5F}, {0, 0, 1}), Tissue::fluid, 0)}};
  const Acquisition acquisition = quiet();
  const auto slices = scanned(scene, acquisition, Kernel::soft);
  ASSERT_EQ(slices.size(), 8U);
  const auto mean = [&](std::size_t slice) { return middle({slices[slice]}, acquisition).mean; };
  EXPECT_NEAR(mean(1), 0, 2);
  EXPECT_NEAR(mean(2), -700, 15);
  EXPECT_NEAR(mean(3), -1000, 2);
}

TEST(PhantomScanner, SlicesMayOverlapOrLeaveGaps) {
  const Scene scene = {{layer(half_space({0, 0, 20}, {0, 0, 1}), Tissue::fluid, 0)}};
  for (const double increment : {2.0, 10.0}) {
    Acquisition acquisition = quiet();
    acquisition.increment = increment;
    const auto slices = scanned(scene, acquisition, Kernel::soft);
    ASSERT_EQ(std::ssize(slices), 1 + static_cast<int64_t>(35 / increment));
    for (int64_t i = 0; i < std::ssize(slices); ++i) {
      const double below = std::clamp(20 - (acquisition.z_of(i) - 2.5), 0.0, 5.0) / 5;
      EXPECT_NEAR(middle({slices[static_cast<std::size_t>(i)]}, acquisition).mean,
                  -1000 * (1 - below), 25)
          << "slice " << i << " every " << increment << " mm";
    }
  }
}

/// HU along the middle row across the edge of a block of water at x = 0.
std::vector<double> edge(Kernel kernel) {
  const Scene scene = {{layer(half_space({0, 0, 0}, {1, 0, 0}), Tissue::fluid, 0)}};
  Acquisition acquisition = quiet();
  acquisition.field_of_view = 80;
  const auto slices = scanned(scene, acquisition, kernel);
  std::vector<double> line(static_cast<std::size_t>(acquisition.matrix));
  for (const auto& slice : slices) {
    for (std::size_t i = 0; i < slice.size(); ++i) line[i % line.size()] += slice[i];
  }
  for (double& value : line) value /= static_cast<double>(slices.size() * line.size());
  return line;
}

TEST(PhantomScanner, TheLungKernelIsSharperAndOvershoots) {
  const auto soft = edge(Kernel::soft), lung = edge(Kernel::lung);
  const auto between = [](const std::vector<double>& line) {
    return std::count_if(line.begin(), line.end(), [](double v) { return v > -900 && v < -100; });
  };
  EXPECT_LT(between(lung), between(soft));
  EXPECT_LT(*std::max_element(soft.begin(), soft.end()), 10);
  EXPECT_GT(*std::max_element(lung.begin(), lung.end()), 40);
}

TEST(PhantomScanner, MetalThrowsStreaksOnlyWhereItIs) {
  Scene scene = water();
  const Acquisition acquisition = quiet();
  const auto before = scanned(scene, acquisition, Kernel::soft);
  scene.layers.push_back(
      layer(box(Box::around({60, -60, 32}, {20, 5, 6}), 2), Tissue::metal, 7000));
  const auto after = scanned(scene, acquisition, Kernel::soft);
  EXPECT_EQ(before.front(), after.front()) << "a slice without metal";
  EXPECT_EQ(*std::max_element(after[6].begin(), after[6].end()), kHighestHu);
  EXPECT_GT(middle({after[6]}, acquisition).deviation,
            3 * middle({before[6]}, acquisition).deviation);
}

TEST(PhantomScanner, MotionBlursSomeSlicesAndNoOthers) {
  const Scene scene = {{layer(half_space({0, 0, 0}, {0, 1, 0}), Tissue::fluid, 0)}};
  Acquisition acquisition = quiet();
  acquisition.top = 300;
  const auto still = scanned(scene, acquisition, Kernel::soft);
  acquisition.motion = true;
  const auto moved = scanned(scene, acquisition, Kernel::soft);
  int64_t same = 0;
  for (std::size_t i = 0; i < still.size(); ++i) same += still[i] == moved[i];
  EXPECT_GT(same, std::ssize(still) / 2);
  EXPECT_LT(same, std::ssize(still) - 3);
}

TEST(PhantomScanner, ACircularFieldIsPaddedOutside) {
  Acquisition acquisition = quiet();
  acquisition.circular = true;
  const auto slice = scanned(water(), acquisition, Kernel::soft).front();
  const auto padded = std::count(slice.begin(), slice.end(), kOutsideField);
  const double share = static_cast<double>(padded) / static_cast<double>(slice.size());
  EXPECT_NEAR(share, 1 - M_PI / 4, 0.01);
  EXPECT_EQ(slice.front(), kOutsideField);
  EXPECT_NEAR(slice[slice.size() / 2 + static_cast<std::size_t>(acquisition.matrix / 2)], 0, 30);
}

}  // namespace
}  // namespace ctclip::phantom
