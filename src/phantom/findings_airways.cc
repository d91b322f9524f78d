// Bronchi, and what spreads along them.

#include <algorithm>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

/// Bronchi of a side between two generations, in the order of the anatomy.
std::vector<Branch> bronchi(const Anatomy& anatomy, Side side, int from, int to) {
  std::vector<Branch> found;
  for (const Branch& b : anatomy.airways) {
    if (b.side == side && b.generation >= from && b.generation <= to) found.push_back(b);
  }
  return found;
}

Point direction(const Branch& branch) {
  const Point along = branch.path.back() - branch.path.front();
  return along * (1 / std::max(length(along), 1e-3F));
}

/// One bronchus widened up to near the pleura, wavy, with a thick wall and its artery beside it.
void widen(Workbench& bench, const Branch& branch, const Solid& lung, float lumen) {
  const Point from = branch.path[branch.path.size() / 2];
  const Point along = direction(branch);
  std::vector<Point> path;
  std::vector<float> radii;
  for (int i = 0; i <= 6; ++i) {
    path.push_back(from + along * (8.0F * static_cast<float>(i)) +
                   random_direction(bench.random) * 2);
    radii.push_back(lumen / 2 * (i == 0 ? 0.6F : bench.draw(0.75, 1.0)));
  }
  const Solid air = intersected(tube(path, radii), grown(lung, -4));
  const float wall = std::clamp(0.14F * lumen, 1.2F, 2.2F);
  for (Point& p : path) p = p + Point{0, -lumen / 2 - wall - 1.5F, 0};
  const Solid artery =
      tube(std::move(path), std::vector<float>(radii.size(), 0.22F * lumen + 0.6F));
  bench.put(intersected(artery, lung), {Tissue::vessel, bench.anatomy.blood_hu}, kParenchyma);
  bench.put(intersected(grown(air, wall), lung), {Tissue::lesion, 10}, kInLung);
  bench.put(air, {Tissue::airway, -980}, kInLung);
  bench.box(united({grown(air, wall), intersected(artery, lung)}));
}

/// A small bronchiole full of mucus, with its buds.
void grow_tree(Workbench& bench, Point root, std::vector<Solid>& parts) {
  const Point tip = root + random_direction(bench.random) * bench.draw(5, 9);
  parts.push_back(capsule(root, tip, 0.9F, 0.9F));
  const int64_t buds = bench.random.integer(3, 5);
  for (int64_t i = 0; i < buds; ++i) {
    const Point bud = tip + random_direction(bench.random) * bench.draw(2.5, 5);
    const float thick = bench.draw(1.3, 2.2);
    parts.push_back(capsule(tip, bud, 0.8F, thick));
  }
}

/// Buds all through a part of the lung `extent` mm wide.
void grow_trees(Workbench& bench, Side side, Point centre, float extent) {
  const Solid lung = bench.free_lung(side);
  const auto trees = static_cast<int>(std::clamp(extent * extent / 90, 5.0F, 60.0F));
  std::vector<Solid> parts;
  for (int i = 0; i < trees; ++i) {
    const Point root =
        centre + random_direction(bench.random) * (extent / 2 * bench.draw(0.15, 0.9));
    if (lung.distance(root) < -1) grow_tree(bench, root, parts);
  }
  if (parts.empty()) return;
  const Solid all = intersected(united(std::move(parts)), grown(lung, -1));
  bench.put(all, {Tissue::lesion, 30}, kInLung);
  bench.box(all);
}

}  // namespace

void make_bronchiectasis(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const Solid lung = bench.free_lung(side);
    std::vector<Branch> candidates = bronchi(bench.anatomy, side, 2, 6);
    std::erase_if(candidates, [&](const Branch& b) {
      return lung.distance(b.path.back() + direction(b) * 12) > -4;
    });
    const int64_t count = bench.random.integer(3, 6);
    for (int64_t i = 0; i < count && !candidates.empty(); ++i) {
      const auto n = bench.random.integer(0, static_cast<int64_t>(candidates.size()) - 1);
      widen(bench, candidates[static_cast<size_t>(n)], lung, bench.size());
      candidates.erase(candidates.begin() + n);
    }
  }
}

void make_bronchitis(Workbench& bench) {
  for (const Side side : bench.sides()) {
    std::vector<Solid> outer;
    for (const Branch& b : bronchi(bench.anatomy, side, 1, 5)) {
      std::vector<float> radii = b.radii;
      for (float& r : radii) r += bench.size();
      outer.push_back(tube(b.path, std::move(radii)));
    }
    if (outer.empty()) continue;
    // Airways are painted before findings: whatever isn't lumen becomes wall.
    const Solid walls = intersected(united(std::move(outer)), bench.free_lung(side));
    bench.put(walls, {Tissue::lesion, 25}, kParenchyma);
    bench.box(walls);
  }
}

void make_tree_in_bud(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const Point at = bench.point_in(side, {0.1F, 0.9F, 0.2F, 0.95F}, {8, 35}, 0.4F * bench.size());
    grow_trees(bench, side, at, bench.size());
  }
}

void make_tuberculosis(Workbench& bench) {
  const Side first = bench.random.chance(0.6) ? Side::right : Side::left;
  const bool both = bench.random.chance(0.4);
  std::vector<Box> cavities;
  for (const Side side : {Side::left, Side::right}) {
    if (side != first && !both) continue;
    const Solid lung = bench.free_lung(side);
    const float radius = bench.size() / 2;
    const Point at = bench.point_in(side, {0.68F, 0.93F, 0.3F, 0.95F}, {0.5F * radius, 60}, radius);
    const uint64_t seed = bench.random.bits();
    const Solid ball = ovoid(at, radius, bench.random);
    const Solid wall = intersected(roughened(ball, 1.5F, 9, seed), lung);
    const float thick = std::clamp(0.3F * radius, 3.0F, 9.0F);
    const Solid patch =
        intersected(roughened(grown(ball, 0.5F * radius), 0.3F * radius, 14, seed + 1), lung);
    grow_trees(bench, side, at, 3 * bench.size());
    bench.add(patch, 480, 0.5F * radius);
    bench.put(wall, {Tissue::lesion, 40, 10, 6, 0, seed}, kInLung);
    bench.put(intersected(roughened(grown(ball, -thick), 1, 7, seed + 2), lung),
              {Tissue::air, -990}, kInLung);
    bench.box(united({patch, wall}));
    cavities.push_back(tight_box(wall));
  }
  std::vector<Box> trees = bench.finding.boxes;
  bench.also("cavitation", bench.size(), std::move(cavities));
  bench.also("tree_in_bud", std::min(3 * bench.size(), 110.0F), std::move(trees));
}

}  // namespace ctclip::phantom
