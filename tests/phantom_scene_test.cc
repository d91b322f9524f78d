#include "phantom/scene.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "phantom/noise_row.h"
#include "phantom/render.h"

namespace ctclip::phantom {
namespace {

struct Named {
  std::string name;
  Solid solid;
};

/// One of every kind, alone and combined.
std::vector<Named> solids() {
  const Solid egg = ellipsoid({3, -2, 5}, {40, 12, 25});
  const Solid cone = capsule({-30, 0, -10}, {25, 20, 10}, 9, 3);
  const Solid brick = box({{-20, -10, -15}, {20, 10, 15}}, 4);
  const Solid column = loft(
      {{-40, 0, 0, 20, 30}, {-10, 3, 0, 28, 24}, {20, 0, 5, 18, 15}, {40, 0, 5, 14, 12}}, 0.4F);
  const Solid worm = tube({{-30, 0, 0}, {-10, 10, 5}, {10, -5, 12}, {30, 8, -5}}, {5, 7, 3, 6});
  return {{"ellipsoid", egg},
          {"capsule", cone},
          {"box", brick},
          {"loft", column},
          {"tube", worm},
          {"half space", half_space({0, 0, 3}, {0, 0.6F, 0.8F})},
          {"united", united({egg, cone, worm})},
          {"blended", united({egg, cone, brick}, 8)},
          {"intersected", intersected(egg, brick, 3)},
          {"without", without(egg, cone, 4)},
          {"shifted", shifted(worm, {5, -7, 9})},
          {"grown", grown(egg, 3)},
          {"stretched", stretched(brick, {1, 1.5F, 2})},
          {"turned", turned(egg, {1, 2, 3}, 1, 35)},
          {"roughened", roughened(egg, 2, 11, 7)}};
}

Point anywhere(Random& random, float reach) {
  const auto draw = [&] { return static_cast<float>(random.uniform(-reach, reach)); };
  return {draw(), draw(), draw()};
}

TEST(Solid, DistanceNeverChangesFasterThanThePlace) {
  for (const auto& [name, solid] : solids()) {
    if (name == "loft") continue;  // promises less; the next test is for it as well
    Random random(1);
    for (int i = 0; i < 4000; ++i) {
      const Point p = anywhere(random, 70), q = p + anywhere(random, i % 2 == 0 ? 1 : 30);
      const float step = length(q - p);
      // Newton's steps in the ellipsoid end within a thousandth; float32 leaves less than that.
      EXPECT_LE(std::abs(solid.distance(p) - solid.distance(q)), step * 1.002F + 0.02F) << name;
    }
  }
}

TEST(Solid, NoSurfaceIsNearerThanTheDistanceSays) {
  for (const auto& [name, solid] : solids()) {
    Random random(4);
    for (int i = 0; i < 1000; ++i) {
      const Point p = anywhere(random, 60);
      const float distance = solid.distance(p), radius = std::abs(distance) - 0.03F;
      for (int k = 0; k < 20 && radius > 0; ++k) {
        Point by = anywhere(random, 1);
        by = by * (radius / std::max(length(by), 1.0F));
        ASSERT_EQ(solid.distance(p + by) < 0, distance < 0) << name;
      }
    }
  }
}

TEST(Solid, NothingInsideLiesOutsideTheBounds) {
  for (const auto& [name, solid] : solids()) {
    Random random(2);
    for (int i = 0; i < 20000; ++i) {
      const Point p = anywhere(random, 80);
      if (solid.distance(p) < -0.02F) {
        EXPECT_TRUE(solid.bounds.overlaps({p, p}))
            << name << " " << p.x << " " << p.y << " " << p.z;
      }
    }
  }
}

TEST(Solid, LocalGivesTheSameDistancesWithinItsBall) {
  for (const auto& [name, solid] : solids()) {
    Random random(3);
    for (int ball = 0; ball < 60; ++ball) {
      const Point centre = anywhere(random, 50);
      const auto radius = static_cast<float>(random.uniform(1, 15));
      const Solid local = localised(localised(solid, centre, radius * 1.5F), centre, radius);
      for (int i = 0; i < 30; ++i) {
        Point by = anywhere(random, radius);
        if (length(by) > radius) continue;
        ASSERT_NEAR(local.distance(centre + by), solid.distance(centre + by), 2e-4F) << name;
      }
    }
  }
}

TEST(Solid, DistancesToAnEllipsoidAreTrue) {
  const Point r{40, 12, 25};
  const Solid solid = ellipsoid({}, r);
  for (const float out : {-8.0F, -1.0F, 0.5F, 20.0F}) {
    for (float a = 0.1F; a < 6; a += 0.7F) {
      for (float b = -1.4F; b < 1.5F; b += 0.35F) {
        const Point u{std::cos(a) * std::cos(b), std::sin(a) * std::cos(b), std::sin(b)};
        const Point on{r.x * u.x, r.y * u.y, r.z * u.z};
        Point normal{u.x / r.x, u.y / r.y, u.z / r.z};
        normal = normal * (1 / length(normal));
        // Inwards a normal's foot is the nearest point only as far as the smallest radius of
        // curvature.
        if (out < -12.0F * 12 / 40) continue;
        EXPECT_NEAR(solid.distance(on + normal * out), out, 0.02F);
      }
    }
  }
}

TEST(Random, StreamsAreIndependentAndRepeat) {
  const Random root(42);
  Random a = root.stream("lungs"), again = root.stream("lungs"), b = root.stream("heart"),
         c = root.stream("lungs", 1);
  const uint64_t first = a.bits();
  EXPECT_EQ(first, again.bits());
  EXPECT_NE(first, b.bits());
  EXPECT_NE(first, c.bits());
  // Steele's SplitMix64 for seed 0, from its published reference code.
  Random reference(0);
  EXPECT_EQ(reference.bits(), 0xE220A8397B1DCDAFU);
  EXPECT_EQ(reference.bits(), 0x6E789E6AA1B965F4U);
}

TEST(Random, DistributionsHaveTheirMoments) {
  Random random(5);
  constexpr int kDraws = 20000;
  double sum = 0, squares = 0, uniform = 0;
  int64_t low = 9, high = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal(3, 2);
    sum += x;
    squares += (x - 3) * (x - 3);
    uniform += random.uniform(-1, 5);
    const int64_t k = random.integer(2, 6);
    low = std::min(low, k);
    high = std::max(high, k);
    EXPECT_LE(std::abs(random.bounded(0, 1, 1.5)), 1.5);
  }
  // Five standard errors: 2 / sqrt(n); 4 sqrt(2 / n); 6 / sqrt(12 n).
  EXPECT_NEAR(sum / kDraws, 3, 5 * 2 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 4, 5 * 4 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(uniform / kDraws, 2, 5 * 6 / std::sqrt(12.0 * kDraws));
  EXPECT_EQ(low, 2);
  EXPECT_EQ(high, 6);
}

TEST(Noise, IsSmoothBoundedAndTheSameAlongARow) {
  NoiseRow row(2.3F, -7.9F, 11);
  for (float x = -20; x < 20; x += 0.013F) {
    const float here = value_noise(x, 2.3F, -7.9F, 11);
    EXPECT_EQ(row(x), here);
    EXPECT_LE(std::abs(here), 1);
    EXPECT_LE(std::abs(value_noise(x + 0.01F, 2.3F, -7.9F, 11) - here), 0.01F * 3 + 1e-4F);
  }
}

Layer layer_of(Solid solid, Tissue tissue, float hu) {
  Layer layer;
  layer.solid = std::move(solid);
  layer.material.tissue = tissue;
  layer.material.hu = hu;
  return layer;
}

Slab rendered(const Scene& scene, Point spacing, int64_t size, int threads = 1) {
  Lattice lattice{size, size, size, {}, spacing};
  const auto half = static_cast<float>(size - 1) / 2;
  lattice.origin = {-half * spacing.x, -half * spacing.y, -half * spacing.z};
  ThreadPool pool(threads);
  Watch watch;
  return render(scene, lattice, pool, watch);
}

/// mm3 of what was painted with `hu` into air.
double painted(const Slab& slab, double hu) {
  double sum = 0;
  for (const float value : slab.hu) sum += (value + 1000) / (hu + 1000);
  const Point& s = slab.lattice.spacing;
  return sum * s.x * s.y * s.z;
}

TEST(Render, ASphereHasItsVolumeWhateverTheVoxel) {
  constexpr float kRadius = 20;
  const double exact = 4.0 / 3 * std::numbers::pi * std::pow(kRadius, 3);
  const double surface = 4 * std::numbers::pi * kRadius * kRadius;
  for (const Point spacing : {Point{1, 1, 1}, Point{0.8F, 0.8F, 2}, Point{1.5F, 1.5F, 0.7F}}) {
    const Scene scene{{layer_of(ellipsoid({0.3F, -0.2F, 0.4F}, {kRadius, kRadius, kRadius}),
                                Tissue::muscle, 200)}};
    const Slab slab = rendered(scene, spacing, 72);
    // A leaf may take a surface for flat that bends by 0.04 of a column.
    EXPECT_NEAR(painted(slab, 200), exact, surface * 0.04 * spacing.x);
  }
}

TEST(Render, AVoxelCutInHalfIsMixedInHalf) {
  // Two coverings: columns at odd multiples of half a mm, so that x = 0.5 is a voxel's centre.
  const Scene scene{{layer_of(half_space({0.5F, 0, 0}, {1, 0, 0}), Tissue::muscle, 60)}};
  const Slab slab = rendered(scene, {1, 1, 1}, 16);
  const auto at = [&](int64_t x) {
    return slab.hu[static_cast<std::size_t>((8 * 16 + 8) * 16 + x)];
  };
  EXPECT_NEAR(at(7), 60, 0.01);
  EXPECT_NEAR(at(8), (60 - 1000) / 2.0, 0.01);
  EXPECT_NEAR(at(9), -1000, 0.01);
}

TEST(Render, LayersKeepToTheirTissues) {
  Scene scene{{layer_of(half_space({0, 0, 0}, {1, 0, 0}), Tissue::lung, -850),
               layer_of(ellipsoid({}, {5, 5, 5}), Tissue::vessel, 40)}};
  scene.layers[1].only_on = mask_of(Tissue::lung);
  Layer haze = layer_of(box({{-9, -9, -9}, {9, 9, 9}}, 0), Tissue::lesion, 100);
  haze.blend = Blend::add;
  haze.only_on = mask_of(Tissue::lung);
  scene.layers.push_back(haze);
  const Slab slab = rendered(scene, {1, 1, 1}, 24);
  const auto at = [&](int64_t x, int64_t y) {
    return slab.hu[static_cast<std::size_t>((12 * 24 + y) * 24 + x)];
  };
  EXPECT_EQ(at(10, 12), 40);           // a vessel in the lung, no haze on it
  EXPECT_EQ(at(13, 12), -1000);        // the same ball outside of the lung: nothing
  EXPECT_NEAR(at(5, 12), -750, 0.01);  // lung and haze
  EXPECT_NEAR(at(1, 12), -850, 0.01);  // beyond the haze
}

TEST(Render, GivesTheSameBytesWithAnyNumberOfThreads) {
  Scene scene;
  for (const auto& [name, solid] : solids()) {
    scene.layers.push_back(layer_of(solid, Tissue::organ, static_cast<float>(name.size()) * 10));
    scene.layers.back().material.texture = 20;
  }
  const Slab one = rendered(scene, {0.9F, 0.9F, 1.3F}, 130),
             two = rendered(scene, {0.9F, 0.9F, 1.3F}, 130, 2);
  EXPECT_EQ(one.hu, two.hu);
}

TEST(Render, SlabsJoinWithoutASeam) {
  const Scene scene{{layer_of(capsule({-8, 0, -9}, {8, 3, 9}, 4, 2), Tissue::vessel, 40)}};
  const Slab whole = rendered(scene, {1, 1, 1}, 32);
  Lattice part = whole.lattice;
  part.slices = 5;
  ThreadPool pool(1);
  Watch watch;
  for (int64_t z = 0; z + part.slices <= 32; z += 3) {
    part.origin.z = whole.lattice.origin.z + static_cast<float>(z);
    const Slab slab = render(scene, part, pool, watch);
    for (std::size_t i = 0; i < slab.hu.size(); ++i) {
      // Leaves lie differently; what each may bend is 0.04 of a voxel, of 1040 HU, twice.
      ASSERT_NEAR(slab.hu[i], whole.hu[i + static_cast<std::size_t>(z * 32 * 32)], 2 * 0.04 * 1040);
    }
  }
}

}  // namespace
}  // namespace ctclip::phantom
