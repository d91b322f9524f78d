// Round things in the lungs.

#include <algorithm>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

constexpr Material kTumour = {Tissue::lesion, 38, 10, 7};

Side one_side(Workbench& bench) {
  const std::vector<Side> sides = bench.sides();
  if (sides.size() == 1) return sides.front();
  return bench.random.chance(0.55) ? Side::right : Side::left;
}

void make_one_nodule(Workbench& bench, Side side) {
  const float radius = bench.size() / 2;
  const Point at = bench.point_in(side, {0.05F, 0.95F}, {0.8F * radius, 60}, radius + 4);
  const uint64_t seed = bench.random.bits();
  Solid nodule = roughened(ovoid(at, 0.95F * radius, bench.random), 0.06F * radius, radius, seed);
  nodule = intersected(nodule, bench.free_lung(side));
  bench.box(nodule);
  const bool subsolid = bench.size() > 8 && bench.random.chance(0.2);
  if (!subsolid)
    return bench.put(nodule, {Tissue::lesion, bench.draw(15, 60), 5, 5, 0, seed}, kInLung);
  bench.add(nodule, bench.draw(330, 480), 1.5F);
  if (bench.random.chance(0.5)) {
    bench.put(ovoid(at, 0.5F * radius, bench.random), kTumour, kInLung, 1);
  }
}

/// Thin strands that run from a mass into the lung around it.
Solid spicules(Workbench& bench, Point centre, float radius) {
  std::vector<Solid> strands;
  const int64_t count = bench.random.integer(18, 30);
  for (int64_t i = 0; i < count; ++i) {
    const Point out = random_direction(bench.random);
    const float reach = radius * bench.draw(1.25, 1.6);
    strands.push_back(capsule(centre + out * (0.6F * radius), centre + out * reach, 2.2F, 0.7F));
  }
  return united(std::move(strands));
}

/// Air within a wall, with a level of fluid at its back now and then.
void hollow(Workbench& bench, const Solid& cavity, float chance_of_fluid) {
  bench.put(cavity, {Tissue::air, -990}, kEverything);
  if (!bench.random.chance(chance_of_fluid)) return;
  const Box b = tight_box(cavity);
  const Point level = {0, b.low.y + bench.draw(0.6, 0.85) * (b.high.y - b.low.y), 0};
  bench.put(intersected(cavity, half_space(level, {0, -1, 0})), {Tissue::fluid, 15}, kEverything);
}

}  // namespace

void make_nodule(Workbench& bench) {
  const int64_t count = bench.random.chance(0.7) ? 1 : bench.random.integer(2, 4);
  for (int64_t i = 0; i < count; ++i) make_one_nodule(bench, one_side(bench));
}

void make_cancer(Workbench& bench) {
  const Side side = one_side(bench);
  const float radius = bench.size() / 2;
  // A mass may sit at the pleura, with its centre never so near that most of it would be cut off.
  const Point at = bench.point_in(side, {0.2F, 0.92F}, {0.5F * radius, 80}, radius);
  const uint64_t seed = bench.random.bits();
  const Solid body = roughened(lobulated(at, 0.97F * radius, 7, bench.random), 0.05F * radius,
                               0.5F * radius, seed);
  const Solid lung = bench.free_lung(side);
  Solid mass = body;
  if (bench.random.chance(0.75)) mass = united({body, spicules(bench, at, radius)});
  mass = intersected(mass, lung);
  bench.box(mass);
  Material tumour = kTumour;
  tumour.seed = seed;
  bench.add(intersected(grown(body, 3), lung), 180, 4);
  bench.put(mass, tumour, kInLung);
  if (bench.size() > 34 && bench.random.chance(0.3)) {
    const Solid cavity = roughened(ovoid(at, 0.5F * radius, bench.random), 2, 8, seed + 1);
    hollow(bench, intersected(cavity, grown(lung, -4)), 0.3F);
    bench.also("cavitation", 0.9 * bench.size() / 2, bench.finding.boxes);
  }
}

void make_cavitation(Workbench& bench) {
  const Side side = one_side(bench);
  const float radius = bench.size() / 2;
  const Point at = bench.point_in(side, {0.3F, 0.92F}, {0.8F * radius, 80}, radius + 4);
  const float wall = std::clamp(radius * bench.draw(0.22, 0.5), 3.0F, 12.0F);
  const uint64_t seed = bench.random.bits();
  const Solid ball = ovoid(at, 0.96F * radius, bench.random);
  const Solid lung = bench.free_lung(side);
  const Solid outer = intersected(roughened(ball, 0.05F * radius, 9, seed), lung);
  bench.box(outer);
  bench.add(intersected(grown(outer, 4), lung), bench.draw(120, 300), 5);
  bench.put(outer, {Tissue::lesion, 40, 8, 6, 0, seed}, kInLung);
  hollow(bench, intersected(roughened(grown(ball, -wall), 0.15F * wall, 7, seed + 1), lung), 0.35F);
}

void make_arteriovenous_malformation(Workbench& bench) {
  const Side side = one_side(bench);
  const float radius = bench.size() / 2;
  const Point at = bench.point_in(side, {0.08F, 0.5F}, {radius, 30}, radius + 4);
  const Material blood = {Tissue::vessel, bench.anatomy.blood_hu};
  const Solid lung = bench.free_lung(side);
  const Solid sac = intersected(lobulated(at, radius, 3, bench.random), lung);
  bench.put(sac, blood, kInLung);
  Box all = tight_box(sac);
  // The feeding artery and the draining vein: both wider than any vessel that far from the hilum.
  for (int i = 0; i < 2; ++i) {
    const Point hilum = bench.hilum(side) + random_direction(bench.random) * 8;
    const Point bend = (at + hilum) * 0.5F + random_direction(bench.random) * bench.draw(8, 16);
    const float thick = std::clamp(0.3F * radius, 2.0F, 4.5F);
    const Solid vessel = intersected(tube({at, bend, hilum}, {thick, thick, thick}), lung);
    bench.put(vessel, blood, kParenchyma);
    all = Box::joined(all, tight_box(vessel));
  }
  bench.box(all);
}

}  // namespace ctclip::phantom
