#include "study/lungs.h"

#include <gmock/gmock.h>

#include <cmath>

#include "study/components.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::testing::HasSubstr;

/// A volume of 2 mm voxels made of ellipsoids, each painted over those before it. Coordinates in mm
/// from the centre: x to the left, y to the back, z to the head.
class Phantom {
 public:
  Phantom(double height, double width = 400, double depth = 320)
      : half_{height / 2, depth / 2, width / 2} {
    const auto voxels = [](double mm) { return static_cast<int64_t>(mm / kStep); };
    volume_.hu = Tensor::uninitialised({voxels(height), voxels(depth), voxels(width)});
    for (float& hu : volume_.hu.values()) hu = -1000;
    volume_.spacing = {kStep, kStep, kStep};
  }

  /// A body as an elliptic cylinder through the whole volume.
  Phantom& body(double rx = 170, double ry = 110) {
    return paint([=](double, double y, double x) { return square(x / rx) + square(y / ry) < 1; },
                 [](double, double, double) { return 40.0F; });
  }
  template <typename Hu>
  Phantom& ellipsoid(std::array<double, 3> centre, std::array<double, 3> radii, const Hu& hu) {
    return paint(
        [=](double z, double y, double x) {
          return square((z - centre[0]) / radii[0]) + square((y - centre[1]) / radii[1]) +
                     square((x - centre[2]) / radii[2]) <
                 1;
        },
        hu);
  }
  Phantom& ellipsoid(std::array<double, 3> centre, std::array<double, 3> radii, int value) {
    const auto hu = static_cast<float>(value);
    return ellipsoid(centre, radii, [=](double, double, double) { return hu; });
  }
  const Volume& volume() const { return volume_; }

 private:
  static constexpr float kStep = 2;
  static double square(double x) { return x * x; }

  template <typename Inside, typename Hu>
  Phantom& paint(const Inside& inside, const Hu& hu) {
    float* voxel = volume_.hu.data();
    for (int64_t k = 0; k < volume_.hu.dim(0); ++k) {
      for (int64_t r = 0; r < volume_.hu.dim(1); ++r) {
        for (int64_t c = 0; c < volume_.hu.dim(2); ++c, ++voxel) {
          const double z = (static_cast<double>(k) + 0.5) * kStep - half_[0];
          const double y = (static_cast<double>(r) + 0.5) * kStep - half_[1];
          const double x = (static_cast<double>(c) + 0.5) * kStep - half_[2];
          if (inside(z, y, x)) *voxel = hu(z, y, x);
        }
      }
    }
    return *this;
  }

  std::array<double, 3> half_;
  Volume volume_;
};

constexpr std::array<double, 3> kLungRadii = {110, 75, 55};  // mm: 1.9 l each
constexpr std::array<double, 3> kRight = {0, 0, -75}, kLeft = {0, 0, 75};

double litres_of(const std::array<double, 3>& radii) {
  return 4.0 / 3 * M_PI * radii[0] * radii[1] * radii[2] * 1e-6;
}

TEST(FindLungs, MeasuresBothLungs) {
  Phantom phantom(260);
  phantom.body().ellipsoid(kRight, kLungRadii, -850).ellipsoid(kLeft, kLungRadii, -850);
  const Lungs lungs = find_lungs(phantom.volume());
  EXPECT_TRUE(lungs.present) << lungs.reason;
  // Cells of 4 mm lie on either side of a surface of 0.16 m2: at most 4 mm of it, 0.3 l a lung.
  EXPECT_NEAR(lungs.litres, 2 * litres_of(kLungRadii), 0.3);
  EXPECT_NEAR(lungs.height_mm, 220, 8);
}

TEST(FindLungs, AcceptsOneLungWhereTheOtherIsWhite) {
  Phantom phantom(260);
  phantom.body().ellipsoid(kRight, kLungRadii, -820).ellipsoid(kLeft, kLungRadii, 10);
  const Lungs lungs = find_lungs(phantom.volume());
  EXPECT_TRUE(lungs.present) << lungs.reason;
  EXPECT_NEAR(lungs.litres, litres_of(kLungRadii), 0.15);
}

TEST(FindLungs, AcceptsSevereEmphysema) {
  // Two thirds of the lungs are holes of -1000 HU.
  const auto hu = [](double z, double y, double x) {
    return std::fmod(z + y + x + 3000, 60) < 40 ? -1000.0F : -900.0F;
  };
  Phantom phantom(260);
  phantom.body().ellipsoid(kRight, kLungRadii, hu).ellipsoid(kLeft, kLungRadii, hu);
  const Lungs lungs = find_lungs(phantom.volume());
  EXPECT_TRUE(lungs.present) << lungs.reason;
}

TEST(FindLungs, AcceptsLungsThatTheScanCutsOff) {
  Phantom phantom(140);
  phantom.body().ellipsoid(kRight, kLungRadii, -850).ellipsoid(kLeft, kLungRadii, -850);
  EXPECT_TRUE(find_lungs(phantom.volume()).present);
}

TEST(FindLungs, IgnoresPaddingFarBelowAir) {
  Phantom phantom(260);
  phantom.body().ellipsoid(kRight, kLungRadii, -850).ellipsoid(kLeft, kLungRadii, -850);
  Volume padded;
  padded.hu = phantom.volume().hu.clone();
  padded.spacing = phantom.volume().spacing;
  for (float& hu : padded.hu.values()) hu = hu == -1000 ? -3024 : hu;
  EXPECT_NEAR(find_lungs(padded).litres, find_lungs(phantom.volume()).litres, 0.1);
}

TEST(FindLungs, RefusesAnAbdomenWithGas) {
  Phantom phantom(260);
  phantom.body()
      .ellipsoid({0, -40, 60}, {40, 30, 60}, -1000)      // stomach
      .ellipsoid({-60, -30, -80}, {60, 40, 40}, -1000)   // colon blown up for colonography
      .ellipsoid({20, -30, -60}, {100, 35, 35}, -1000);  // more of it
  const Lungs lungs = find_lungs(phantom.volume());
  EXPECT_FALSE(lungs.present);
  EXPECT_THAT(lungs.reason, HasSubstr("No lungs were found"));
}

TEST(FindLungs, RefusesLungBasesOverAnAbdomen) {
  Phantom phantom(260);
  // The lowest 60 mm of both lungs at the top of the scan.
  phantom.body()
      .ellipsoid({180, 0, -75}, kLungRadii, -850)
      .ellipsoid({180, 0, 75}, kLungRadii, -850);
  const Lungs lungs = find_lungs(phantom.volume());
  EXPECT_FALSE(lungs.present);
  EXPECT_THAT(lungs.reason, HasSubstr("Only"));
  EXPECT_LT(lungs.height_mm, 70);
}

TEST(FindLungs, RefusesAHeadWithSinuses) {
  Phantom phantom(200, 260, 260);
  phantom.ellipsoid({0, 0, 0}, {95, 95, 75}, 40)
      .ellipsoid({-30, -60, -25}, {18, 15, 14}, -1000)
      .ellipsoid({-30, -60, 25}, {18, 15, 14}, -1000)
      .ellipsoid({-50, -20, 0}, {40, 12, 10}, -1000)
      .ellipsoid({-40, 20, 55}, {12, 12, 10}, -700);  // mastoid cells
  EXPECT_FALSE(find_lungs(phantom.volume()).present);
}

TEST(FindLungs, RefusesAirAloneAndWaterAlone) {
  EXPECT_FALSE(find_lungs(Phantom(200).volume()).present);
  Phantom water(200);
  EXPECT_FALSE(find_lungs(water.body(1000, 1000).volume()).present);
}

TEST(FindLungs, TakesAnyShape) {
  Volume tiny;
  tiny.hu = Tensor::zeros({20, 1, 1});
  tiny.spacing = {0.2F, 0.2F, 0.2F};
  EXPECT_FALSE(find_lungs(tiny).present);
  tiny.spacing = {50, 10, 10};
  EXPECT_FALSE(find_lungs(tiny).present);
}

TEST(Connected, CountsPiecesByFaces) {
  Mask mask({2, 2, 3}, 0);
  for (const auto& [z, y, x] : {std::array<int64_t, 3>{0, 0, 0}, {0, 0, 1}, {1, 0, 1}, {1, 1, 2}}) {
    mask.cells[mask.at(z, y, x)] = 1;
  }
  const Components found = connected(mask);
  EXPECT_THAT(found.sizes, ::testing::ElementsAre(3, 1));  // a corner connects nothing
  EXPECT_EQ(found.largest(), 1);
  EXPECT_EQ(found.labels.cells[mask.at(1, 1, 2)], 2);
  EXPECT_EQ(connected(Mask({1, 2, 2}, 0)).largest(), 0);
}

TEST(Enclosed, LooksAtEverySliceByItself) {
  Mask body({2, 5, 5}, 0);
  for (int64_t z = 0; z < 2; ++z) {
    for (int64_t y = 1; y < 4; ++y) {
      for (int64_t x = 1; x < 4; ++x) body.cells[body.at(z, y, x)] = y != 2 || x != 2;
    }
  }
  body.cells[body.at(1, 2, 3)] = 0;  // a way out, in one slice
  const Mask inside = enclosed(body);
  EXPECT_EQ(inside.cells[body.at(0, 2, 2)], 1);
  EXPECT_EQ(inside.cells[body.at(1, 2, 2)], 0);
  EXPECT_EQ(std::count(inside.cells.begin(), inside.cells.end(), 1), 1);
}

}  // namespace
}  // namespace ctclip
