// The chest wall outside the ribs.

#include <algorithm>
#include <cmath>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

/// Air that splits the layers of the wall: sheets along it, much thinner than wide.
Solid sheets_of_air(const Box& bounds, float share, uint64_t seed) {
  return {bounds, [=](Point p) {
            const float out = std::hypot(p.x, p.y);
            const float around = std::atan2(p.y, std::abs(p.x)) * 120;
            const float noise = value_noise(out / 6, around / 22, p.z / 24, seed);
            return (1 - 1.4F * share - noise) * 1.5F;
          }};
}

}  // namespace

void make_subcutaneous_emphysema(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const float z = bench.height(side, bench.draw(0.45, 0.8));
    const float angle = bench.draw(-0.9, 0.1);
    const Point wall = bench.on_wall(side, angle, z);
    const Point out = {sign_of(side) * std::cos(angle), std::sin(angle), 0};
    const float half = bench.size() / 2;
    const Solid region = ellipsoid(wall + out * 18, {0.7F * half, 0.8F * half, half});
    const Solid outside = without(region, grown(bench.lung(side), 7));
    const float share = 0.35F + 0.25F * (bench.size() - 50) / 150;
    const Solid air =
        intersected(sheets_of_air(region.bounds, share, bench.random.bits()), outside);
    bench.put(air, {Tissue::air, -900}, mask_of(Tissue::fat) | mask_of(Tissue::muscle));
    bench.box(air);
  }
}

void make_chest_wall_mass(Workbench& bench) {
  for (const Side side : bench.sides()) {
    std::vector<Rib> ribs;
    for (const Rib& rib : bench.anatomy.ribs) {
      if (rib.side == side && rib.number >= 3 && rib.number <= 8) ribs.push_back(rib);
    }
    const auto n = bench.random.integer(0, static_cast<int64_t>(ribs.size()) - 1);
    const auto& path = ribs[static_cast<size_t>(n)].arc.path;
    const Point at =
        path[static_cast<size_t>(bench.draw(0.3, 0.65) * static_cast<float>(path.size()))];
    const Material tumour = {Tissue::lesion, bench.draw(35, 60), 12, 9, 0, bench.random.bits()};
    const Solid mass = lobulated(at, bench.size() / 2, 5, bench.random);
    const TissueMask invaded = kInLung | kSoft | kBone | mask_of(Tissue::muscle);
    // Within the wall and the lung beside it; the air outside the body is another tissue.
    bench.put(mass, tumour, invaded);
    bench.take(side, grown(mass, 2));
    bench.box(mass);
  }
}

}  // namespace ctclip::phantom
