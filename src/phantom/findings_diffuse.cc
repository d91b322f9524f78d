// What goes through both lungs. Densities are added to the parenchyma, so that vessels stay what
// they are.

#include <algorithm>
#include <cmath>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

/// Adds `hu` to the whole free lung on both sides.
void add_everywhere(Workbench& bench, const std::function<float(Point, Side)>& hu) {
  for (const Side side : bench.sides()) {
    bench.add(
        bench.free_lung(side), [hu, side](Point p) { return hu(p, side); }, 0);
    bench.box(bench.lung_box(side));
  }
}

/// Balls of air with a wall that is hardly there, below the pleura of the apices.
void make_bullae(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const int64_t count = bench.random.integer(1, 4);
    for (int64_t i = 0; i < count; ++i) {
      const float radius = bench.draw(9, 24);
      const Point at = bench.point_in(side, {0.65F, 0.98F}, {0, 14}, 2);
      const Solid bulla =
          intersected(ovoid(at, radius, bench.random), grown(bench.free_lung(side), -1));
      bench.put(bulla, {Tissue::lesion, -850}, kInLung);
      bench.put(grown(bulla, -1), {Tissue::air, -990}, kInLung);
    }
  }
}

/// How far below the pleura fibrosis reaches at a height: most at the base, little above.
float fibrotic_depth(float depth, float z, const Box& lung) {
  const float up = (z - lung.low.z) / (lung.high.z - lung.low.z);
  return depth * (1 - fade(up, 0.12F, 0.75F)) + 0.12F * depth;
}

/// Reticles, then honeycombs where it is worst.
float fibrotic_hu(Point p, float severity, uint64_t seed) {
  const float reticle = 380 * foam(p, 11, 1.6F, seed) + 120;
  if (severity < 0.45F) return reticle;
  const float comb = 650 * foam(p, 8, 2.0F, seed + 7) - 60;
  const float mixed = fade(severity, 0.45F, 0.7F);
  return reticle + mixed * (comb - reticle);
}

}  // namespace

void make_emphysema(Workbench& bench) {
  const float share = bench.size() / 100;
  const uint64_t seed = bench.random.bits();
  const Scatter small = {9.5F, 1.8F, 3.8F, seed};
  const Scatter large = {21, 4, 8.5F, seed + 10};
  const float depth = 1000 + bench.anatomy.lung_hu - 25;
  const float base = bench.lung_box(Side::left).low.z;
  const float rise = bench.lung_box(Side::left).high.z - base;
  add_everywhere(bench, [=](Point p, Side) {
    const float up = (p.z - base) / rise;
    const float local = share * (0.3F + 1.4F * up);
    const float hole = std::max(scattered(p, small, local), scattered(p, large, 0.8F * local));
    return -depth * std::min(1.0F, hole + 0.3F * local);
  });
  if (bench.size() > 40) make_bullae(bench);
}

void make_fibrosis(Workbench& bench) {
  const uint64_t seed = bench.random.bits();
  const float most = bench.size();
  const bool combs = bench.size() > 14;
  for (const Side side : bench.sides()) {
    const Box b = bench.lung_box(side);
    const Solid lung = bench.free_lung(side);
    const auto thickness = [=](Point p) {
      const Point q = p * (1 / 25.0F);
      return fibrotic_depth(most, p.z, b) * (1 + 0.5F * value_noise(q.x, q.y, q.z, seed));
    };
    const Solid shell = intersected(lining(lung, thickness, 0.03F * most + 0.4F), lung);
    bench.add(
        shell,
        [=](Point p) {
          const float up = (p.z - b.low.z) / (b.high.z - b.low.z);
          return fibrotic_hu(p, combs ? 1 - 1.6F * up : 0.3F, seed);
        },
        2, kParenchyma);
    bench.box(shell);
    // Traction: bronchi near the base are pulled wide and crooked.
    for (int i = 0; i < static_cast<int>(most / 5); ++i) {
      const Point at = bench.point_in(side, {0.05F, 0.3F, 0.4F, 1}, {3, most + 4}, -1000);
      const Point end = at + random_direction(bench.random) * bench.draw(8, 16);
      const Point bend = (at + end) * 0.5F + random_direction(bench.random) * 3;
      const float r = bench.draw(1.5, 2.8);
      const Solid path = intersected(tube({at, bend, end}, {r, r * 1.3F, r}), lung);
      bench.put(intersected(grown(path, 1.3F), lung), {Tissue::lesion, 0}, kParenchyma);
      bench.put(path, {Tissue::airway, -960}, kParenchyma | mask_of(Tissue::lesion));
    }
  }
}

void make_airiness_decrease(Workbench& bench) {
  const float more = bench.size();
  const uint64_t seed = bench.random.bits();
  const float middle =
      0.5F * (bench.lung_box(Side::left).low.y + bench.lung_box(Side::left).high.y);
  add_everywhere(bench, [=](Point p, Side) {
    const Point q = p * (1 / 40.0F);
    const float uneven = 1 + 0.2F * value_noise(q.x, q.y, q.z, seed);
    return more * std::max(0.3F, uneven + 0.0035F * (p.y - middle));
  });
}

void make_mosaic(Workbench& bench) {
  const float more = bench.size();
  const uint64_t seed = bench.random.bits();
  add_everywhere(bench, [=](Point p, Side) {
    // Lobules side by side, with air trapped in the dark ones.
    const Point q = p * (1 / 9.0F);
    const Point bent =
        p +
        Point{value_noise(q.x, q.y, q.z, seed + 4), value_noise(q.x, q.y, q.z, seed + 5), 0} * 4;
    return foam_cell(bent, 20, seed) > 0.45F ? more : -25.0F;
  });
}

void make_edema(Workbench& bench) {
  const float most = bench.size();
  const uint64_t seed = bench.random.bits();
  const Point left = bench.hilum(Side::left);
  const Point right = bench.hilum(Side::right);
  add_everywhere(bench, [=](Point p, Side side) {
    // Wings of a bat: around the hila, sparing the periphery, more where gravity pulls.
    const Point d = p - (side == Side::left ? left : right);
    const float away = length({d.x, d.y * 0.8F, d.z * 0.75F});
    const Point q = p * (1 / 13.0F);
    const float cloudy = 1 + 0.35F * value_noise(q.x, q.y, q.z, seed);
    const float wing = (1 - fade(away, 25, 85)) * cloudy * (1 + 0.004F * d.y);
    const float septa = 0.45F * foam(p, 17, 1.3F, seed + 3);
    return most * std::max(0.0F, wing + septa + 0.1F);
  });
}

void make_pneumoconiosis(Workbench& bench) {
  const float radius = bench.size() / 2;
  const float base = bench.lung_box(Side::left).low.z;
  const float rise = bench.lung_box(Side::left).high.z - base;
  const Scatter nodules = {11, 0.6F * radius, radius, bench.random.bits()};
  add_everywhere(bench, [=](Point p, Side) {
    const float up = (p.z - base) / rise;
    return 850 * scattered(p, nodules, 0.08F + 0.5F * up);
  });
}

}  // namespace ctclip::phantom
