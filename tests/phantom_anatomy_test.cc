#include "phantom/anatomy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "phantom/render.h"
#include "study/lungs.h"

namespace ctclip::phantom {
namespace {

constexpr uint64_t kSeeds = 200;

float widest(const Branch& branch) {
  return *std::max_element(branch.radii.begin(), branch.radii.end());
}

const Solid& lung(const Anatomy& a, Side side) {
  return side == Side::left ? a.left_lung : a.right_lung;
}

/// Litres inside, from points every `step` mm.
double litres(const Solid& solid, float step) {
  const Box& b = solid.bounds;
  int64_t inside = 0;
  for (float z = b.low.z; z < b.high.z; z += step) {
    for (float y = b.low.y; y < b.high.y; y += step) {
      for (float x = b.low.x; x < b.high.x; x += step) inside += solid.distance({x, y, z}) < 0;
    }
  }
  return static_cast<double>(inside) * std::pow(step, 3) * 1e-6;
}

Volume volume_of(const Anatomy& anatomy, ThreadPool& pool) {
  constexpr float kSpacing = 4;
  Lattice lattice{112, 84, static_cast<int64_t>((anatomy.top - anatomy.bottom) / kSpacing), {}, {}};
  lattice.spacing = {kSpacing, kSpacing, kSpacing};
  lattice.origin = {-111 * kSpacing / 2, -83 * kSpacing / 2, anatomy.bottom};
  Watch watch;
  const Slab slab = render(paint(anatomy, {}), lattice, pool, watch);
  Volume volume;
  volume.hu = Tensor::uninitialised({lattice.slices, lattice.rows, lattice.columns});
  std::copy(slab.hu.begin(), slab.hu.end(), volume.hu.data());
  volume.spacing = {kSpacing, kSpacing, kSpacing};
  return volume;
}

TEST(Anatomy, SizesAreHealthyForEverySeed) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Anatomy a = draw_anatomy(Random(seed));
    EXPECT_LT(2 * widest(a.ascending_aorta), 38.2) << seed;
    EXPECT_GT(2 * widest(a.ascending_aorta), 24) << seed;
    EXPECT_LT(widest(a.descending_aorta), widest(a.ascending_aorta)) << seed;
    EXPECT_LT(2 * widest(a.pulmonary_trunk), 28) << seed;
    EXPECT_LT(widest(a.pulmonary_trunk), widest(a.ascending_aorta)) << seed;
    EXPECT_EQ(a.heart_scale, 1) << seed;
    // Cardiothoracic ratio: the heart lies aslant, so its long axis overstates its width.
    EXPECT_LT(a.heart_radii.x / (a.thorax.offset + a.thorax.radius_x), 0.5) << seed;
    EXPECT_EQ(a.ribs.size(), 24U) << seed;
    EXPECT_GE(a.lung_vessels.size(), 1500U) << seed;
    for (const Vertebra& v : a.spine) EXPECT_EQ(v.height_front, v.height) << seed;
  }
}

TEST(Anatomy, LungsHoldWhatLungsHold) {
  double lowest = 99, highest = 0;
  for (uint64_t seed = 1; seed <= kSeeds; seed += 10) {
    const Anatomy a = draw_anatomy(Random(seed));
    const double left = litres(a.left_lung, 7), right = litres(a.right_lung, 7);
    EXPECT_GT(left + right, 2.2) << seed;  // 4.5 +- 1.3 l in CT (Cheng et al., 2019)
    EXPECT_LT(left + right, 7.1) << seed;
    EXPECT_GT(right, left) << seed;  // the heart lies on the left
    lowest = std::min(lowest, left + right);
    highest = std::max(highest, left + right);
  }
  EXPECT_GT(highest - lowest, 1);  // people differ
}

TEST(Anatomy, RibsGoRoundTheLungs) {
  for (uint64_t seed = 1; seed <= kSeeds; seed += 5) {
    const Anatomy a = draw_anatomy(Random(seed));
    for (const Rib& rib : a.ribs) {
      for (const Point& p : rib.arc.path) {
        EXPECT_GT(lung(a, rib.side).distance(p), 1) << seed << " rib " << rib.number;
      }
    }
  }
}

TEST(Anatomy, VesselsEndInTheirLungAndReachItsEdges) {
  for (uint64_t seed = 1; seed <= kSeeds; seed += 10) {
    const Anatomy a = draw_anatomy(Random(seed));
    std::size_t outside = 0, near_pleura = 0;
    for (const Branch& vessel : a.lung_vessels) {
      const float depth = -lung(a, vessel.side).distance(vessel.path.back());
      outside += depth < 0;
      near_pleura += depth > 0 && depth < 12;
    }
    EXPECT_LE(outside, a.lung_vessels.size() / 200) << seed;
    EXPECT_GE(near_pleura, a.lung_vessels.size() / 20) << seed;
  }
}

TEST(Anatomy, AirwaysJoin) {
  const Anatomy a = draw_anatomy(Random(3));
  const Branch& trachea = a.airways.front();
  EXPECT_EQ(trachea.generation, 0);
  int main_bronchi = 0;
  for (const Branch& airway : a.airways) {
    if (airway.generation != 1) continue;
    ++main_bronchi;
    EXPECT_LT(length(airway.path.front() - trachea.path.back()), 0.1);
  }
  EXPECT_EQ(main_bronchi, 2);
}

TEST(Anatomy, OrgansLieWhereTheyShould) {
  for (uint64_t seed = 1; seed <= kSeeds; seed += 10) {
    const Anatomy a = draw_anatomy(Random(seed));
    EXPECT_GT(a.right_dome.z, a.left_dome.z) << seed;
    EXPECT_LT(a.left_lung.distance(a.left_hilum + Point{25, 0, 0}), 0) << seed;
    EXPECT_LT(a.right_lung.distance(a.right_hilum - Point{25, 0, 0}), 0) << seed;
    EXPECT_GT(a.left_lung.distance(a.heart_centre), 3) << seed;
    EXPECT_GT(a.heart_centre.x, 0) << seed;
    const Point& carina = a.airways.front().path.back();
    EXPECT_GT(a.left_lung.distance(carina), 0) << seed;
    EXPECT_GT(a.right_lung.distance(carina), 0) << seed;
  }
}

TEST(Anatomy, TheSameSeedIsTheSamePersonAndAnotherIsNot) {
  const Anatomy a = draw_anatomy(Random(9)), b = draw_anatomy(Random(9)),
                c = draw_anatomy(Random(10));
  EXPECT_EQ(a.body_half_width, b.body_half_width);
  EXPECT_EQ(a.lung_vessels.back().path.back().x, b.lung_vessels.back().path.back().x);
  EXPECT_NE(a.body_half_width, c.body_half_width);
}

TEST(Anatomy, PaintedChestsPassTheSearchForLungs) {
  ThreadPool pool(2);
  for (const uint64_t seed : {1, 5, 8, 40}) {
    const Anatomy a = draw_anatomy(Random(seed));
    const Lungs lungs = find_lungs(volume_of(a, pool));
    EXPECT_TRUE(lungs.present) << seed << ": " << lungs.reason;
    // Cells of 4 mm lose what lies at the pleura and about the hilum.
    const double drawn = litres(a.left_lung, 7) + litres(a.right_lung, 7);
    EXPECT_GT(lungs.litres, 0.7 * drawn) << seed;
    EXPECT_LT(lungs.litres, 1.1 * drawn) << seed;
  }
}

TEST(Anatomy, HounsfieldUnitsAreThoseOfTissues) {
  ThreadPool pool(2);
  const Anatomy a = draw_anatomy(Random(4));
  const Volume volume = volume_of(a, pool);
  const auto at = [&](Point p) {
    const auto index = [](float from, float half) {
      return static_cast<int64_t>(std::lround(from / 4 + half));
    };
    const int64_t x = index(p.x, 55.5F), y = index(p.y, 41.5F), z = index(p.z - a.bottom, 0);
    return volume.hu.data()[(z * volume.hu.dim(1) + y) * volume.hu.dim(2) + x];
  };
  EXPECT_NEAR(at(a.airways.front().path[2]), -995, 15);
  EXPECT_NEAR(at(a.right_dome + Point{0, 0, -30}), 56, 12);
  EXPECT_NEAR(at(a.descending_aorta.path[8]), a.blood_hu, 12);
  EXPECT_NEAR(at(a.spine[9].centre), a.bone_hu, 60);
  EXPECT_NEAR(at(a.right_hilum + Point{-40, -20, 20}), -830, 120);  // a vessel may be there
}

}  // namespace
}  // namespace ctclip::phantom
