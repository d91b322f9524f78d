// What grows between the lungs, and air or bowel that got there.

#include <algorithm>
#include <cmath>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

constexpr TissueMask kAroundTrachea = kSoft | mask_of(Tissue::muscle) | mask_of(Tissue::organ);

Point along(const Branch& branch, float share) {
  const float at = share * static_cast<float>(branch.path.size() - 1);
  const auto i = std::min(static_cast<size_t>(at), branch.path.size() - 2);
  const float part = at - static_cast<float>(i);
  return branch.path[i] * (1 - part) + branch.path[i + 1] * part;
}

Point at_height(const Branch& branch, float z) {
  const auto nearer = [z](Point a, Point b) { return std::abs(a.z - z) < std::abs(b.z - z); };
  return *std::min_element(branch.path.begin(), branch.path.end(), nearer);
}

/// Where enlarged nodes lie, by the names of the stations: 4R, 4L, 5, 7, prevascular, both hila.
std::vector<Point> stations(const Workbench& bench) {
  const Point carina = bench.carina();
  const Anatomy& a = bench.anatomy;
  return {
      carina + Point{-15, -4, 22},     carina + Point{-14, -6, 40},   carina + Point{0, 4, -16},
      carina + Point{16, 0, 14},       carina + Point{20, -22, 8},    carina + Point{-2, -40, 25},
      a.right_hilum + Point{-6, 0, 4}, a.left_hilum + Point{6, 2, 2}, carina + Point{0, 6, -30}};
}

/// A mass in the fat before the great vessels, leaning to one side.
Solid anterior_mass(Workbench& bench, float radius, int lobes) {
  const Anatomy& a = bench.anatomy;
  const Point vessel = along(a.ascending_aorta, 0.6F);
  const Point sternum = at_height(a.sternum, vessel.z);
  const float lean = (bench.random.chance(0.5) ? 1.0F : -1.0F) * bench.draw(0.2, 0.7) * radius;
  // It must have its place between the sternum and the vessels, and bulges into the lung beside
  // them.
  const float front = sternum.y + 8 + 0.55F * radius;
  const Point centre = {0.5F * vessel.x + lean, front, vessel.z + bench.draw(-12, 18)};
  const Solid round = lobulated({}, 0.7F * radius, lobes, bench.random);
  return shifted(stretched(round, {1.4F, 1, 1.4F}), centre);
}

void mass(Workbench& bench, const Solid& solid, const Material& material, TissueMask on) {
  bench.put(solid, material, on);
  bench.box(solid);
}

}  // namespace

void make_lymph_nodes(Workbench& bench) {
  std::vector<Point> places = stations(bench);
  const int64_t count = bench.random.integer(3, 6);
  for (int64_t i = 0; i < count; ++i) {
    const auto n = bench.random.integer(0, static_cast<int64_t>(places.size()) - 1);
    const float shortest = bench.size() / 2 * (i == 0 ? 1 : bench.draw(0.7, 1));
    const Point radii = {shortest, shortest * bench.draw(1, 1.3), shortest * bench.draw(1.1, 1.6)};
    const Solid node = ellipsoid(places[static_cast<size_t>(n)], radii);
    const Material lymph = {Tissue::lesion, bench.draw(35, 50), 5, 6, 0, bench.random.bits()};
    mass(bench, roughened(node, 0.06F * shortest, shortest, lymph.seed), lymph, kSoft);
    places.erase(places.begin() + n);
  }
}

void make_thymoma(Workbench& bench) {
  const Material tumour = {Tissue::lesion, bench.draw(40, 60), 8, 8, 0, bench.random.bits()};
  mass(bench, anterior_mass(bench, bench.size() / 2, 4), tumour, kSoft);
}

void make_lymphoma(Workbench& bench) {
  // Bulky nodes that have run together, on both sides of the vessels.
  const Point middle = along(bench.anatomy.ascending_aorta, 0.7F);
  std::vector<Solid> lumps;
  const float radius = bench.size() / 2;
  for (int i = 0; i < 9; ++i) {
    const Point off = {bench.draw(-0.8, 0.8) * radius, -22 + bench.draw(-0.3, 0.2) * radius,
                       bench.draw(-0.6, 0.7) * radius};
    lumps.push_back(ovoid(middle + off, radius * bench.draw(0.35, 0.5), bench.random));
  }
  const Material tumour = {Tissue::lesion, bench.draw(38, 50), 8, 10, 0, bench.random.bits()};
  mass(bench, united(std::move(lumps), 6), tumour, kSoft);
}

void make_cyst(Workbench& bench) {
  const Point carina = bench.carina();
  const float radius = bench.size() / 2;
  const float side = bench.random.chance(0.6) ? -1.0F : 1.0F;
  // Below the carina (bronchogenic) or in an angle between heart and diaphragm (pericardial).
  Point at = carina + Point{side * 0.35F * radius, 6, -12 - 0.8F * radius};
  if (bench.random.chance(0.4)) {
    const Side there = side > 0 ? Side::left : Side::right;
    at = bench.cardiophrenic_angle(there) + Point{-side * 0.1F * radius, 0, 0.3F * radius};
  }
  mass(bench, ovoid(at, radius, bench.random), {Tissue::fluid, bench.draw(2, 18)},
       kSoft | mask_of(Tissue::vessel));
}

void make_goiter(Workbench& bench) {
  const Branch& trachea = bench.anatomy.airways.front();
  const float radius = bench.size() / 2;
  const float side = bench.random.chance(0.5) ? -1.0F : 1.0F;
  const Point inlet = at_height(trachea, bench.lung_box(Side::left).high.z - 5);
  const Point centre =
      inlet + Point{side * (0.55F * radius + 6), -0.2F * radius - 4, 5 - 0.35F * radius};
  const Solid gland = lobulated(centre, radius, 5, bench.random);
  // Iodine makes the thyroid bright; nodules and cysts make it patchy, chalk makes specks.
  const Material iodine = {Tissue::lesion, bench.draw(75, 105), 28, 9, 0, bench.random.bits()};
  mass(bench, gland, iodine, kAroundTrachea);
  for (int i = 0; i < 4; ++i) {
    const Point speck = centre + random_direction(bench.random) * (0.55F * radius);
    bench.put(ovoid(speck, bench.draw(1, 2.6), bench.random), {Tissue::lesion, 500},
              mask_of(Tissue::lesion));
  }
}

void make_hiatal_hernia(Workbench& bench) {
  const Anatomy& a = bench.anatomy;
  const float radius = bench.size() / 2;
  const float floor = std::min(a.left_dome.z, a.right_dome.z) - 12;
  const Point gullet = at_height(a.oesophagus, floor + 0.5F * radius);
  const Point centre = {gullet.x + 0.15F * radius, gullet.y - 0.25F * radius, gullet.z};
  const uint64_t seed = bench.random.bits();
  const Solid sac =
      roughened(ellipsoid(centre, {radius, 0.8F * radius, 0.9F * radius}), 1.5F, 12, seed);
  const TissueMask soft = kSoft | mask_of(Tissue::muscle);
  mass(bench, sac, {Tissue::lesion, 40, 5, 8}, soft);
  const Solid inside = grown(sac, -3.5F);
  bench.put(inside, {Tissue::fluid, 20, 45, 5, 0, seed}, mask_of(Tissue::lesion));
  // Gas rises to the front.
  const Point level = {0, centre.y - bench.draw(-0.1, 0.4) * radius, 0};
  bench.put(intersected(inside, half_space(level, {0, 1, 0})), {Tissue::air, -960},
            mask_of(Tissue::fluid));
}

void make_diaphragmatic_hernia(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const Box& b = bench.lung_box(side);
    const float radius = bench.size() / 2;
    // Bochdalek's: fat through the back of the diaphragm.
    const Point dome = side == Side::left ? bench.anatomy.left_dome : bench.anatomy.right_dome;
    const float y = b.high.y - 22 - 0.5F * radius;
    float z = b.low.z;
    while (z < dome.z && bench.lung(side).distance({dome.x, y, z}) > 0) z += 1;
    const Point centre = {dome.x, y, z + 0.05F * radius};
    const Solid fat =
        intersected(ellipsoid(centre, {radius, 0.8F * radius, radius}), bench.lung(side));
    bench.put(fat, {Tissue::fat, -100, 12, 6}, kInLung);
    bench.take(side, fat);
    bench.box(fat);
  }
}

void make_pneumomediastinum(Workbench& bench) {
  const Point carina = bench.carina();
  const Anatomy& a = bench.anatomy;
  const float most = bench.size();
  const TissueMask fat = mask_of(Tissue::fat);
  const auto streak = [&](Point from, Point to) {
    std::vector<Point> path;
    std::vector<float> radii;
    for (int i = 0; i <= 5; ++i) {
      const float part = static_cast<float>(i) / 5;
      path.push_back(from * (1 - part) + to * part + random_direction(bench.random) * 3);
      radii.push_back(most / 2 * bench.draw(0.4, 1));
    }
    const Solid air = roughened(tube(path, radii), 0.12F * most, 9, bench.random.bits());
    bench.put(air, {Tissue::air, -950}, fat);
    bench.box(air);
  };
  const Point up = {0, 0, a.airways.front().path.front().z - carina.z};
  for (const float side : {-1.0F, 1.0F}) {
    streak(carina + Point{side * 13, -6, 5}, carina + Point{side * 12, -8, 0.8F * up.z});
    const Point front = at_height(a.sternum, carina.z) + Point{side * 9, 9, 0};
    streak(front + Point{0, 0, -70}, front + Point{0, 2, 30});
  }
  streak(carina + Point{-9, 10, -5}, carina + Point{-7, 9, 0.7F * up.z});
}

}  // namespace ctclip::phantom
