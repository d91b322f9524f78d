// Ribs, vertebrae and what grows in bone.

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

constexpr float kBent = 24;  // mm of rib on either side of a fracture that are moved by it

/// The branch with a point every `step` mm.
Branch resampled(const Branch& branch, float step) {
  Branch fine = branch;
  fine.path.clear();
  fine.radii.clear();
  for (size_t i = 0; i + 1 < branch.path.size(); ++i) {
    const Point edge = branch.path[i + 1] - branch.path[i];
    const int pieces = std::max(1, static_cast<int>(length(edge) / step));
    for (int k = 0; k < pieces; ++k) {
      const float part = static_cast<float>(k) / static_cast<float>(pieces);
      fine.path.push_back(branch.path[i] + edge * part);
      fine.radii.push_back(branch.radii[i] + (branch.radii[i + 1] - branch.radii[i]) * part);
    }
  }
  fine.path.push_back(branch.path.back());
  fine.radii.push_back(branch.radii.back());
  return fine;
}

/// Part of a rib, its points near `at` moved by `step` (fading out) and none nearer than `gap`.
Rib piece(const Rib& rib, size_t from, size_t to, Point at, Point step, float gap) {
  Rib part = rib;
  part.arc.path.clear();
  part.arc.radii.clear();
  for (size_t i = from; i < to; ++i) {
    const Point p = rib.arc.path[i];
    const float away = length(p - at);
    if (away < gap) continue;
    part.arc.path.push_back(p + step * (1 - fade(away, 2, kBent)));
    part.arc.radii.push_back(rib.arc.radii[i]);
  }
  return part;
}

/// Callus where it heals, or blood around it where it is fresh.
void swell(Workbench& bench, Point at, float radius) {
  const TissueMask around = kSoft | mask_of(Tissue::muscle);
  const float reach = radius + bench.draw(2.5, 5);
  const uint64_t seed = bench.random.bits();
  const Solid lump = roughened(ovoid(at, reach, bench.random), 1, 6, seed);
  if (bench.random.chance(0.45)) {
    bench.put(grown(lump, -1), {Tissue::bone, bench.draw(220, 420), 80, 4, 0, seed}, around);
  } else {
    bench.put(lump, {Tissue::lesion, 50, 8, 5}, around);
  }
  bench.box(lump);
}

/// Breaks the rib `share` of the way from the spine; gives the box of all that has moved.
void break_rib(Workbench& bench, size_t index, float share) {
  Rib& rib = bench.anatomy.ribs[index];
  rib.arc = resampled(rib.arc, 1.5F);
  const auto count = rib.arc.path.size();
  const auto k = static_cast<size_t>(share * static_cast<float>(count));
  const Point at = rib.arc.path[k];
  const float radius = rib.arc.radii[k];
  const Point out = {at.x, at.y, bench.draw(-60, 60)};
  const Point step = out * (0.5F * bench.size() / length(out));
  // The ends have round caps of their own radius, so that the gap starts that much further away.
  const float gap = radius + bench.draw(0, 1.5);
  Rib inner = piece(rib, 0, k, at, step, gap);
  inner.stump = true;
  const Rib outer = piece(rib, k, count, at, step * -1, gap);
  const float reach = radius + 0.5F * bench.size();
  const Point half = {reach, reach, reach + 3};  // ribs are taller than thick
  Box moved = Box::around(at, half);
  for (const Point p : rib.arc.path) {
    if (length(p - at) < kBent) moved = Box::joined(moved, Box::around(p, half));
  }
  bench.box(moved);
  swell(bench, at, radius);
  bench.finding.boxes.back() = Box::joined(bench.finding.boxes.back(), moved);
  bench.finding.boxes.erase(bench.finding.boxes.end() - 2);
  bench.anatomy.ribs[index] = outer;
  bench.anatomy.ribs.push_back(inner);
}

Vertebra& vertebra(Workbench& bench, int number) {
  auto& spine = bench.anatomy.spine;
  const auto found = std::find_if(spine.begin(), spine.end(),
                                  [number](const Vertebra& v) { return v.number == number; });
  return found == spine.end() ? spine[spine.size() / 2] : *found;
}

/// A place in bone where metastases like to be, and how large one may be there.
Point bony_place(Workbench& bench) {
  const Anatomy& a = bench.anatomy;
  if (bench.random.chance(0.6)) {
    const Vertebra& v = vertebra(bench, static_cast<int>(bench.random.integer(2, 12)));
    return v.centre + Point{bench.draw(-0.25, 0.25) * v.width, bench.draw(-0.25, 0.3) * v.depth,
                            bench.draw(-0.2, 0.2) * v.height};
  }
  if (bench.random.chance(0.25)) {
    return a.sternum.path[static_cast<size_t>(
        bench.random.integer(0, static_cast<int64_t>(a.sternum.path.size()) - 1))];
  }
  const auto rib = bench.random.integer(0, static_cast<int64_t>(a.ribs.size()) - 1);
  const auto& path = a.ribs[static_cast<size_t>(rib)].arc.path;
  return path[static_cast<size_t>(bench.draw(0.15, 0.75) * static_cast<float>(path.size()))];
}

}  // namespace

void make_rib_fracture(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const auto first = static_cast<int>(bench.random.integer(3, 8));
    const auto last = first + static_cast<int>(bench.random.integer(0, 3));
    const float share = bench.draw(0.3, 0.62);
    const size_t count = bench.anatomy.ribs.size();
    for (size_t i = 0; i < count; ++i) {
      const Rib& rib = bench.anatomy.ribs[i];
      if (rib.side != side || rib.number < first || rib.number > last) continue;
      break_rib(bench, i, share + bench.draw(-0.05, 0.05));
    }
  }
}

void make_compression_fracture(Workbench& bench) {
  const auto first = static_cast<int>(bench.random.integer(5, 11));
  const int count = bench.random.chance(0.3) ? 2 : 1;
  for (int number = first; number < first + count; ++number) {
    Vertebra& v = vertebra(bench, number);
    const float lost = bench.size() / 100 * (number == first ? 1.0F : 0.7F);
    v.height_front = v.height * (1 - lost);
    // Squeezed spongy bone is dense below the end plates, most in front.
    const Point half = {0.55F * v.width, 0.6F * v.depth, 0.62F * v.height};
    const Point front = v.centre + Point{0, -0.2F * v.depth, 0};
    const Solid dense = ellipsoid(front, {0.48F * v.width, 0.35F * v.depth, 0.5F * v.height_front});
    bench.add(dense, bench.draw(120, 260), 3, kBone);
    bench.box(Box::around(v.centre, half));
  }
}

void make_metastases(Workbench& bench) {
  const bool blastic = bench.random.chance(0.4);
  const int64_t count = bench.random.integer(3, 8);
  for (int64_t i = 0; i < count; ++i) {
    const float radius = bench.size() / 2 * (i == 0 ? 1 : bench.draw(0.5, 1));
    const uint64_t seed = bench.random.bits();
    const Solid lump =
        roughened(ovoid(bony_place(bench), radius, bench.random), 0.1F * radius, 6, seed);
    if (blastic) {
      bench.put(lump, {Tissue::lesion, bench.draw(700, 1000), 90, 5, 0, seed}, kBone, 1);
    } else {
      bench.put(lump, {Tissue::lesion, bench.draw(35, 60), 12, 5, 0, seed},
                kBone | mask_of(Tissue::muscle));
    }
    bench.box(lump);
  }
}

void make_scoliosis(Workbench& bench) {
  Anatomy& a = bench.anatomy;
  const float top = a.spine.front().centre.z;
  const float bottom = a.spine.back().centre.z;
  const float middle = 0.5F * (top + bottom) + bench.draw(-30, 30);
  const float half = 0.5F * std::abs(top - bottom);
  constexpr float kPi = std::numbers::pi_v<float>;
  // Cobb's angle is that between the steepest tangents of the curve A cos(pi z / 2 half).
  const float slope = std::tan(bench.size() / 2 * kPi / 180);
  const float most = slope * 2 * half / kPi * (bench.random.chance(0.75) ? -1.0F : 1.0F);
  const auto bend = [=](float z) {
    const float at = std::clamp((z - middle) / half, -1.6F, 1.6F);
    return most * (std::cos(0.5F * kPi * at) - 0.35F);
  };
  Box all = Box::around(a.spine.front().centre, {20, 30, 12});
  const auto move = [&](Point& p, float by, float margin) {
    if (std::abs(by) < 0.3F) return;
    const Box before = Box::around(p, {margin, margin, margin});
    p.x += by;
    all = Box::joined(Box::joined(all, before), Box::around(p, {margin, margin, margin}));
  };
  for (Vertebra& v : a.spine) move(v.centre, bend(v.centre.z), 50);
  for (Rib& rib : a.ribs) {
    const Point root = rib.arc.path.front();
    for (Point& p : rib.arc.path) move(p, bend(root.z) * (1 - fade(length(p - root), 10, 90)), 8);
  }
  for (Point& p : a.descending_aorta.path) move(p, 0.7F * bend(p.z), 20);
  bench.box(all);
}

}  // namespace ctclip::phantom
