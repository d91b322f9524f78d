// Heart and great vessels, unenhanced.

#include <algorithm>
#include <cmath>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

float widest(const Branch& branch) {
  return *std::max_element(branch.radii.begin(), branch.radii.end());
}

/// Widens a vessel so that it measures `diameter` where it is widest; its ends stay as wide as what
/// they join.
void widen(Branch& branch, float diameter, bool keep_start, bool keep_end) {
  const float factor = diameter / 2 / widest(branch);
  const auto last = static_cast<float>(branch.radii.size() - 1);
  for (size_t i = 0; i < branch.radii.size(); ++i) {
    const float at = static_cast<float>(i) / std::max(last, 1.0F);
    const float start = keep_start ? fade(at, 0, 0.4F) : 1;
    const float end = keep_end ? fade(at, 1, 0.6F) : 1;
    branch.radii[i] *= 1 + (factor - 1) * std::min(start, end);
  }
}

/// Chalk in the wall of a vessel: thin shells of arcs.
void calcify(Workbench& bench, const Branch& branch, int count) {
  for (int i = 0; i < count; ++i) {
    const auto n =
        static_cast<size_t>(bench.random.integer(0, static_cast<int64_t>(branch.path.size()) - 1));
    const Point spot = branch.path[n] + random_direction(bench.random) * branch.radii[n];
    const Solid shell = without(solid_of(branch, 0.3F), solid_of(branch, -1.2F));
    bench.put(
        intersected(ellipsoid(spot, {bench.draw(3, 8), bench.draw(3, 8), bench.draw(2, 7)}), shell),
        {Tissue::lesion, bench.draw(450, 900)}, kEverything);
  }
}

/// The flap and the blood behind it, which is fresher and hence denser.
void dissect(Workbench& bench, const Branch& branch) {
  const Solid lumen = solid_of(branch, -1);
  const float angle = bench.draw(0, 6.28);
  const Point across = {std::cos(angle), std::sin(angle), 0};
  const std::vector<Point> path = branch.path;
  const auto off_flap = [=](Point p) {
    const auto nearer = [p](Point a, Point b) { return length(a - p) < length(b - p); };
    const Point d = p - *std::min_element(path.begin(), path.end(), nearer);
    return (d.x * across.x + d.y * across.y + 2) * 0.7F;
  };
  // With contrast the false lumen fills late; without, its clot is a little denser than blood.
  const float blood = bench.anatomy.blood_hu;
  const float false_lumen = blood > 100 ? 0.6F * blood : bench.draw(58, 72);
  const Solid behind = intersected(lumen, {lumen.bounds, off_flap});
  bench.put(behind, {Tissue::vessel, false_lumen}, mask_of(Tissue::vessel));
  const Solid sheet = {lumen.bounds, [off_flap](Point p) { return std::abs(off_flap(p)) - 0.9F; }};
  bench.put(intersected(lumen, sheet), {Tissue::lesion, blood > 100 ? 50.0F : 90.0F},
            mask_of(Tissue::vessel));
  // Chalk of the inner wall now lies within the vessel: the sign of dissection without contrast.
  for (int i = 0; i < 7; ++i) {
    const auto n =
        static_cast<size_t>(bench.random.integer(0, static_cast<int64_t>(path.size()) - 1));
    const Point on = path[n] - across * 2 +
                     Point{-across.y, across.x, 0} * (bench.draw(-0.7, 0.7) * branch.radii[n]);
    bench.put(intersected(ellipsoid(on, {4, 4, 4}), intersected(lumen, sheet)),
              {Tissue::lesion, 650}, kEverything);
  }
}

}  // namespace

void make_wide_aorta(Workbench& bench) {
  Anatomy& a = bench.anatomy;
  const bool ascending = bench.random.chance(0.6);
  Branch& part = ascending ? a.ascending_aorta : a.descending_aorta;
  widen(part, bench.size(), ascending, !ascending);
  if (ascending) widen(a.aortic_arch, 2 * part.radii.back(), false, true);
  bench.box(solid_of(part, 2));
  if (ascending) bench.box(solid_of(a.aortic_arch, 2));
  if (bench.random.chance(0.6)) calcify(bench, part, 8);
}

void make_dissection(Workbench& bench) {
  Anatomy& a = bench.anatomy;
  const bool ascending = bench.random.chance(0.5);
  widen(a.descending_aorta, ascending ? std::min(bench.size(), 38.0F) : bench.size(), true, true);
  bench.box(solid_of(a.descending_aorta, 2));
  dissect(bench, a.descending_aorta);
  if (!ascending) return;
  widen(a.ascending_aorta, bench.size(), true, true);
  bench.box(solid_of(a.ascending_aorta, 2));
  dissect(bench, a.ascending_aorta);
}

void make_wide_trunk(Workbench& bench) {
  Anatomy& a = bench.anatomy;
  const float factor = std::sqrt(bench.size() / 2 / widest(a.pulmonary_trunk));
  widen(a.pulmonary_trunk, bench.size(), false, false);
  for (Branch* branch : {&a.left_pulmonary_artery, &a.right_pulmonary_artery}) {
    widen(*branch, 2 * widest(*branch) * factor, false, true);
    bench.box(solid_of(*branch, 2));
  }
  bench.box(solid_of(a.pulmonary_trunk, 2));
}

void make_cardiomegaly(Workbench& bench) {
  bench.anatomy.heart_scale = bench.size();
  bench.box(grown(heart_outline(bench.anatomy), 6));  // with its fat
}

void make_pericardial_effusion(Workbench& bench) {
  const Solid heart = heart_outline(bench.anatomy);
  const float depth = bench.size();
  const Point centre = bench.anatomy.heart_centre;
  const Box bounds = heart.bounds.grown(depth);
  // Most of it lies behind and below.
  const Solid sac = {bounds, [=](Point p) {
                       const float low = std::clamp((p.y - centre.y) / 60, -1.0F, 1.0F);
                       return (heart.distance(p) - depth * (0.75F + 0.25F * low)) /
                              (1 + depth / 240);
                     }};
  const Solid fluid = without(sac, heart);
  bench.put(fluid, {Tissue::fluid, bench.draw(2, 20), 2, 12}, kSoft);
  bench.box(sac);
}

void make_coronary_calcium(Workbench& bench) {
  float left = bench.size();
  while (left > 0) {
    const auto n = static_cast<size_t>(
        bench.random.integer(0, static_cast<int64_t>(bench.anatomy.coronaries.size()) - 1));
    const Branch& artery = bench.anatomy.coronaries[n];
    const float run = std::min(bench.draw(2, 11), std::max(left, 2.0F));
    // Plaques prefer the first third.
    const float start = bench.draw(0, 1) * bench.draw(0.2, 1) * 0.85F;
    const auto count = static_cast<float>(artery.path.size() - 1);
    const auto i = std::min(static_cast<size_t>(start * count), artery.path.size() - 2);
    const Point edge = artery.path[i + 1] - artery.path[i];
    const Point from = artery.path[i] + edge * bench.draw(0, 0.5);
    const Point to = from + edge * (run / std::max(length(edge), 1.0F));
    const float thick = bench.draw(1.0, 2.2);
    const Solid plaque = capsule(from, to, thick, thick * bench.draw(0.6, 1));
    bench.put(plaque, {Tissue::lesion, bench.draw(400, 1000)}, kEverything);
    bench.box(plaque);
    left -= run;
  }
}

void make_paracardial_fat(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const Point corner = bench.cardiophrenic_angle(side);
    const float half = bench.size() / 2;
    const Point radii = {half, half * bench.draw(0.8, 1), half * bench.draw(0.7, 0.9)};
    const uint64_t seed = bench.random.bits();
    const Solid pad =
        intersected(roughened(ellipsoid(corner, radii), 2, 18, seed), bench.lung(side));
    bench.put(pad, {Tissue::fat, -105, 12, 9, 0, seed}, kInLung);
    bench.take(side, pad);
    bench.box(pad);
    if (!bench.random.chance(0.35)) continue;
    for (int i = 0; i < 3; ++i) {
      const Point at = corner + random_direction(bench.random) * (0.5F * half);
      bench.put(intersected(ovoid(at, bench.draw(3.5, 7.5), bench.random), grown(pad, -1)),
                {Tissue::lesion, 40}, mask_of(Tissue::fat));
    }
  }
}

}  // namespace ctclip::phantom
