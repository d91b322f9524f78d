// Where the bones are.

#include <algorithm>
#include <cmath>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
namespace {

/// Bodies from C6 (number -1) to L2 (14), each half of its own height and a disc below the last.
void draw_spine(Anatomy& a, Random& random) {
  const Thorax& t = a.thorax;
  float z = 172;  // mm, unscaled: middle of C6
  for (int number = -1; number <= 14; ++number) {
    const float level = static_cast<float>(std::max(number, 1));
    const float pitch = 19 + 0.72F * level;
    Vertebra v;
    v.number = number;
    v.centre = {0, t.spine_y(z), z * t.height};
    v.height = v.height_front = (pitch - 4.2F) * t.height;
    v.width = (number < 1 ? 27 : 26 + 1.25F * level) * t.width;
    v.depth = (number < 1 ? 18 : 19 + 1.1F * level) * t.depth;
    v.centre.x = static_cast<float>(random.bounded(0, 0.7));
    a.spine.push_back(v);
    z -= pitch + 0.36F;
  }
}

/// Height at which rib `number` ends in front, below its vertebra: ribs slope more the lower they
/// are.
float drop_of(int number) {
  return 24 + 7.5F * static_cast<float>(std::min(number, 8) - 1) - (number > 9 ? 10.0F : 0.0F);
}

/// Degrees in front of sideways at which the bony rib ends.
float end_of(int number) {
  if (number == 12) return 42;
  if (number == 11) return 8;
  return number == 1 ? -62 : -58 + 3.2F * static_cast<float>(std::max(number - 5, 0));
}

/// Moved level and away from the axis of its side until it is clear of the lung: most of all beside
/// the spine, where lungs reach back behind the joints of the ribs.
Point outside_cage(const Thorax& t, Side side, Point p) {
  constexpr float kClear = 6.2F;
  const Solid cage = t.cage(side, 0);
  Point away{p.x - sign_of(side) * t.offset, p.y - t.centre_y, 0};
  away = away * (1 / length(away));
  for (int i = 0; i < 6; ++i) p = p + away * std::max(kClear - cage.distance(p), 0.0F);
  return p;
}

Rib rib_of(const Anatomy& a, const Vertebra& v, Side side) {
  const Thorax& t = a.thorax;
  Rib rib;
  rib.number = v.number;
  rib.side = rib.arc.side = side;
  const float sign = sign_of(side), top = v.centre.z + v.height / 2;
  std::vector<Point> path = {
      {v.centre.x + sign * (v.width / 2 + 1), v.centre.y + v.depth * 0.32F, top - 2},
      {v.centre.x + sign * 36 * t.width, v.centre.y + v.depth / 2 + 12, top + 1}};
  const float end = end_of(v.number), drop = drop_of(v.number) * t.height;
  for (int i = 0; i <= 8; ++i) {
    const float along = static_cast<float>(i) / 8;
    const float degrees = 68 + (end - 68) * along;
    // The lowest ribs end early, so they have come down less.
    const float turned = (68 - degrees) / 126;
    const float z = top - 6 - drop * (0.25F * turned + 0.75F * turned * turned) * 1.08F;
    path.push_back(t.wall(side, degrees, z, 6.5F));
  }
  rib.arc.path = smooth_path(path, 3);
  for (Point& p : rib.arc.path) {
    if (std::abs(p.x) > 25) p = outside_cage(t, side, p);
  }
  rib.arc.radii.assign(rib.arc.path.size(), 3.8F);
  return rib;
}

}  // namespace

void draw_skeleton(Anatomy& a, const Random& from) {
  Random random = from.stream("skeleton");
  draw_spine(a, random);
  for (const Vertebra& v : a.spine) {
    if (v.number < 1 || v.number > 12) continue;
    for (const Side side : kSides) a.ribs.push_back(rib_of(a, v, side));
  }
  const Thorax& t = a.thorax;
  for (float z = 92; z >= -88; z -= 20) {
    const Point front = t.wall(Side::left, -90, z * t.height, 4);
    a.sternum.path.push_back({0, front.y * 0.96F - 4, z * t.height});
    a.sternum.radii.push_back(z > 45 ? 23.0F : z > -50 ? 16.0F : 8.0F);
  }
}

}  // namespace ctclip::phantom
