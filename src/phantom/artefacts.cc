#include "phantom/artefacts.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "phantom/random.h"

namespace ctclip::phantom {
namespace {

constexpr float kStreak = 230;      // HU beside a pacemaker
constexpr float kStreakReach = 80;  // mm over which streaks lose half
constexpr float kUsualMetal = 600;  // mm^2 of metal that throws streaks of full strength

struct Motion {
  double middle = 0, half_height = 0;  // mm
  double x = 0, y = 0;                 // mm by which edges are doubled
};

Motion draw_motion(const Acquisition& acquisition) {
  Random random = Random(acquisition.seed).stream("motion");
  const double range = acquisition.top - acquisition.bottom;
  return {acquisition.bottom + range * random.uniform(0.25, 0.5), random.uniform(18, 35),
          random.uniform(-3, 3), random.uniform(-7, -3)};
}

/// hu[x, y] = the mean of where the tissue was before, between and after.
void smear(Plane& hu, int64_t size, int64_t dx, int64_t dy, float share, Plane& scratch) {
  scratch = hu;
  const auto at = [&](int64_t y, int64_t x) {
    return scratch[static_cast<std::size_t>(std::clamp<int64_t>(y, 0, size - 1) * size +
                                            std::clamp<int64_t>(x, 0, size - 1))];
  };
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      float& here = hu[static_cast<std::size_t>(y * size + x)];
      const float moved = 0.75F * at(y - dy, x - dx) + 0.25F * at(y - dy / 2, x - dx / 2);
      here += share * (moved - here);
    }
  }
}

/// Where the metal is, and which way it is longer.
struct Metal {
  float x = 0, y = 0, angle = 0, area = 0;  // voxels, radians, mm^2
};

Metal find_metal(const Plane& hu, int64_t size, double spacing) {
  double count = 0, sx = 0, sy = 0, xx = 0, yy = 0, xy = 0;
  for (int64_t i = 0; i < size * size; ++i) {
    if (hu[static_cast<std::size_t>(i)] < kMetal) continue;
    const int64_t row = i / size;
    const auto x = static_cast<double>(i - row * size), y = static_cast<double>(row);
    count += 1, sx += x, sy += y, xx += x * x, yy += y * y, xy += x * y;
  }
  if (count == 0) return {};
  const double mx = sx / count, my = sy / count;
  const double angle =
      0.5 * std::atan2(2 * (xy / count - mx * my), xx / count - mx * mx - yy / count + my * my);
  return {static_cast<float>(mx), static_cast<float>(my), static_cast<float>(angle),
          static_cast<float>(count * spacing * spacing)};
}

}  // namespace

void blur_by_motion(Plane& hu, const Acquisition& acquisition, int64_t slice, Plane& scratch) {
  if (!acquisition.motion) return;
  const Motion motion = draw_motion(acquisition);
  const double off = std::abs(acquisition.z_of(slice) - motion.middle) / motion.half_height;
  if (off >= 1) return;
  const auto share = static_cast<float>(0.5 * (1 - off * off));
  const double spacing = acquisition.spacing();
  smear(hu, acquisition.matrix, std::llround(motion.x / spacing), std::llround(motion.y / spacing),
        share, scratch);
}

void add_metal_streaks(Plane& hu, const Acquisition& acquisition) {
  const int64_t size = acquisition.matrix;
  const auto spacing = static_cast<float>(acquisition.spacing());
  const Metal metal = find_metal(hu, size, acquisition.spacing());
  if (metal.area == 0) return;
  const float strength = kStreak * std::min(1.0F, std::sqrt(metal.area / kUsualMetal));
  const uint64_t seed = Random(acquisition.seed).stream("streaks").bits();
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      float& here = hu[static_cast<std::size_t>(y * size + x)];
      if (here < -980 || here >= kMetal) continue;
      const float dx = static_cast<float>(x) - metal.x, dy = static_cast<float>(y) - metal.y;
      const float away = std::sqrt(dx * dx + dy * dy) * spacing / kStreakReach;
      const float angle = std::atan2(dy, dx);
      // A ray is the same on both sides of the metal.
      const float turn = std::remainder(angle - metal.angle, std::numbers::pi_v<float>);
      const float hardened = std::exp(-8 * turn * turn);
      const float rays = value_noise(12 * std::cos(2 * angle), 12 * std::sin(2 * angle), 0, seed);
      here += strength * (rays - 1.1F * hardened) / (1 + away);
    }
  }
}

}  // namespace ctclip::phantom
