// Lung whose air has given way to something denser, in one part of it.

#include <algorithm>
#include <cmath>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

/// Points spread evenly over the free lung, to measure how much of it is affected.
std::vector<Point> sample(Workbench& bench, Side side, int count) {
  std::vector<Point> points;
  points.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) points.push_back(bench.point_in(side, {}, {}, -1000));
  return points;
}

float share_of(const std::vector<Point>& points, const std::vector<Solid>& patches) {
  const auto hit = std::count_if(points.begin(), points.end(), [&](Point p) {
    return std::any_of(patches.begin(), patches.end(),
                       [&](const Solid& patch) { return patch.distance(p) < 0; });
  });
  return static_cast<float>(hit) / static_cast<float>(points.size());
}

/// Patches near the pleura, most of them low and behind, until they fill the share.
std::vector<Solid> peripheral_patches(Workbench& bench, Side side, float share) {
  const std::vector<Point> points = sample(bench, side, 400);
  const Depth depth = {2, share < 0.3F ? 16.0F : 45.0F};
  std::vector<Solid> patches;
  while (patches.size() < 40 && (patches.size() < 2 || share_of(points, patches) < share)) {
    const bool behind = bench.random.chance(0.7);
    const Zone zone = {0.03F, behind ? 0.6F : 0.95F, behind ? 0.5F : 0.05F, 0.97F};
    const Point at = bench.point_in(side, zone, depth, -1000);
    const float radius = bench.draw(11, 18) + 24 * share * bench.draw(0.5, 1);
    patches.push_back(
        ellipsoid(at, {radius, radius * bench.draw(0.7, 1.1), radius * bench.draw(0.8, 1.3)}));
  }
  return patches;
}

/// A fan of bronchi still full of air, from `from` through the region around `to`.
Solid air_bronchograms(Workbench& bench, Point from, Point to, float extent) {
  std::vector<Segment> fan;
  for (int i = 0; i < 14; ++i) {
    const Point end = to + random_direction(bench.random) * (0.55F * extent);
    const Point bend =
        from + (end - from) * 0.5F + random_direction(bench.random) * (0.08F * extent);
    const float thick = bench.draw(1.5, 2.5);
    fan.push_back({from, bend, thick * 1.3F, thick});
    fan.push_back({bend, end, thick, 0.8F});
  }
  return forest(std::move(fan));
}

}  // namespace

void make_covid(Workbench& bench) {
  const bool paving = bench.random.chance(0.4);
  const float density = bench.draw(280, 430);
  const uint64_t seed = bench.random.bits();
  for (const Side side : bench.sides()) {
    const float share = bench.size() / 100 * bench.draw(0.85, 1.15);
    const std::vector<Solid> patches = peripheral_patches(bench, side, share);
    const Solid lung = bench.free_lung(side);
    for (const Solid& patch : patches) bench.box(intersected(patch, lung));
    const Solid all = intersected(roughened(united(patches, 8), 5, 13, seed), lung);
    bench.add(
        all,
        [=](Point p) {
          const Point q = p * (1 / 9.0F);
          const float cloudy = density * (1 + 0.3F * value_noise(q.x, q.y, q.z, seed));
          return cloudy + (paving ? 220 * foam(p, 9, 1.3F, seed) : 0);
        },
        4);
  }
  if (paving) bench.also("crazy_paving", bench.size(), bench.finding.boxes);
}

void make_crazy_paving(Workbench& bench) {
  const uint64_t seed = bench.random.bits();
  const float density = bench.draw(220, 330);
  for (const Side side : bench.sides()) {
    const std::vector<Solid> patches = peripheral_patches(bench, side, bench.size() / 100);
    const Solid lung = bench.free_lung(side);
    for (const Solid& patch : patches) bench.box(intersected(patch, lung));
    const Solid all = intersected(roughened(united(patches, 8), 3, 14, seed), lung);
    bench.add(
        all, [=](Point p) { return density + 280 * foam(p, 10, 1.5F, seed); }, 4);
  }
}

/// Segments that have filled, run together; a large one ends at a fissure.
Solid consolidated(Workbench& bench, Point at, float half) {
  std::vector<Solid> segments = {ovoid(at, 0.62F * half, bench.random)};
  Point out = random_direction(bench.random);
  for (int i = 0; i < 6; ++i) {
    const float part = half * bench.draw(0.35, 0.55);
    out = i == 1 ? out * -1 : random_direction(bench.random);
    segments.push_back(ovoid(at + out * (half - part), part, bench.random));
  }
  Solid all = united(std::move(segments), 0.2F * half);
  if (half > 30) {
    const float up = bench.random.chance(0.5) ? 1.0F : -1.0F;
    const Point fissure = at + Point{0, 0, up * 0.45F * half};
    all = intersected(all, half_space(fissure, Point{0, 0.8F, 0.6F} * up));
  }
  return all;
}

void make_infiltrate(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const float half = bench.size() / 2;
    const Point at = bench.point_in(side, {0.08F, 0.9F, 0.2F, 0.95F}, {4, 45}, half);
    const uint64_t seed = bench.random.bits();
    const Solid lung = bench.free_lung(side);
    const Solid shape = consolidated(bench, at, half);
    const Solid core = intersected(roughened(shape, std::min(4.0F, 0.2F * half), 11, seed), lung);
    const Solid halo = intersected(roughened(grown(shape, 7), 5, 13, seed + 1), lung);
    bench.box(core);
    bench.add(halo, bench.draw(220, 380), 8);
    bench.put(core, {Tissue::lesion, bench.draw(25, 45), 18, 6, 0, seed},
              kInLung & ~mask_of(Tissue::airway), std::min(4.0F, 0.2F * half));
    const Point towards = bench.hilum(side) + (at - bench.hilum(side)) * 0.4F;
    bench.put(intersected(air_bronchograms(bench, towards, at, bench.size()), grown(core, -3)),
              {Tissue::airway, -920}, mask_of(Tissue::lesion));
  }
}

/// A plate: a thin disc, seldom quite level, low in the lung.
void make_plate(Workbench& bench, Side side) {
  const Point at = bench.point_in(side, {0.08F, 0.3F, 0.3F, 0.8F}, {5, 60}, 10);
  const Point radii = {bench.draw(26, 46), bench.draw(18, 34), bench.size() / 2};
  const Solid disc =
      turned(turned(ellipsoid(at, radii), at, 0, bench.draw(-20, 20)), at, 1, bench.draw(-30, 30));
  const Solid lung = bench.free_lung(side);
  const Solid plate = intersected(roughened(disc, 0.8F, 12, bench.random.bits()), lung);
  bench.add(intersected(grown(disc, 4), lung), 140, 4);
  bench.put(plate, {Tissue::lesion, 35, 10, 8}, kParenchyma);
  bench.box(plate);
}

/// A lower lobe that has shrunk against the spine and the diaphragm.
void make_collapse(Workbench& bench, Side side) {
  const Box& b = bench.lung_box(side);
  const float wide = bench.size();
  const float top = bench.hilum(side).z + 5;
  const float out = sign_of(side);
  const auto pull = [=](Point p) {
    const float below = std::clamp((top - p.z) / (0.55F * (top - b.low.z)), 0.0F, 1.0F);
    const float behind =
        std::clamp((p.y - b.low.y) / (b.high.y - b.low.y) * 2.2F - 0.8F, 0.0F, 1.0F);
    // Towards the spine: a triangle with its base on the midline.
    return Point{-out * wide * below * behind, 0.25F * wide * below * behind, 0};
  };
  const float inner = out > 0 ? b.low.x : b.high.x;
  // Near the spine only: in the recess beside the dome, the diaphragm would be in the way of the
  // pull.
  const Solid near_spine =
      ellipsoid({inner, b.high.y - 25, b.low.z},
                {std::min(1.6F * wide + 12, 0.62F * (b.high.x - b.low.x)), 85, top - b.low.z + 10});
  const Solid lobe =
      intersected(drawn_back(grown(bench.lung(side), kWallMm), pull, 1.8F), near_spine, 4);
  const Solid solid = intersected(lobe, bench.free_lung(side));
  const uint64_t seed = bench.random.bits();
  bench.add(intersected(grown(lobe, 3), bench.free_lung(side)), 200, 5);
  bench.put(roughened(solid, 1, 10, seed), {Tissue::lesion, 42, 12, 8, 0, seed}, kParenchyma);
  bench.box(grown(solid, 1));
}

void make_atelectasis(Workbench& bench) {
  for (const Side side : bench.sides()) {
    if (bench.size() < 14) {
      const int64_t count = bench.random.integer(1, 3);
      for (int64_t i = 0; i < count; ++i) make_plate(bench, side);
    } else {
      make_collapse(bench, side);
    }
  }
}

void make_radiation_pneumonitis(Workbench& bench) {
  const Side side = bench.sides().front();
  const Box& b = bench.lung_box(side);
  const Point hilum = bench.hilum(side);
  // The field of the beam: straight edges that heed no lobe.
  const float out = sign_of(side);
  const float edge = hilum.x + out * (bench.size() - 25);
  const float bottom = hilum.z - bench.draw(25, 50);
  const float top = hilum.z + bench.draw(40, 70);
  const Box field = {{std::min(hilum.x - out * 60, edge), b.low.y, bottom},
                     {std::max(hilum.x - out * 60, edge), b.high.y, top}};
  const uint64_t seed = bench.random.bits();
  const Solid beam = intersected(box(field, 2), bench.free_lung(side));
  bench.add(
      beam,
      [=](Point p) {
        const Point q = p * (1 / 11.0F);
        const float dense = 0.5F + 0.7F * value_noise(q.x, q.y, q.z, seed);
        return 260 + 430 * std::clamp(dense, 0.0F, 1.0F);
      },
      2);
  bench.box(beam);
}

}  // namespace ctclip::phantom
