#include "phantom/finding_shapes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace ctclip::phantom {
namespace {

constexpr float kPi = 3.14159265F;
constexpr float kFilm = 2;  // mm; a thinner layer between lung and wall is left out

Box empty_box() {
  constexpr float kFar = std::numeric_limits<float>::max();
  return {{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}};
}

bool contains(const Box& outer, const Box& inner) {
  return inner.low.x >= outer.low.x && inner.high.x <= outer.high.x && inner.low.y >= outer.low.y &&
         inner.high.y <= outer.high.y && inner.low.z >= outer.low.z && inner.high.z <= outer.high.z;
}

/// Halves the longest edge until a block is inside, outside, small or can't widen what is known.
void widen(Box& known, const Solid& solid, const Box& block) {
  if (contains(known, block)) return;
  const Point middle = (block.low + block.high) * 0.5F;
  const Point edge = block.high - block.low;
  const float radius = 0.5F * length(edge);
  const float distance = solid.distance(middle);
  if (distance > radius) return;
  if (distance <= -radius) {
    known = Box::joined(known, block);
    return;
  }
  const float longest = std::max({edge.x, edge.y, edge.z});
  if (longest < 1.5F) {
    if (distance <= 0) known = Box::joined(known, Box{middle, middle});
    return;
  }
  Box first = block;
  Box second = block;
  if (edge.x == longest) {
    first.high.x = second.low.x = middle.x;
  } else if (edge.y == longest) {
    first.high.y = second.low.y = middle.y;
  } else {
    first.high.z = second.low.z = middle.z;
  }
  // Worth its price only while a block holds many of the smallest ones.
  const Solid near = longest > 12 ? localised(solid, middle, radius) : solid;
  widen(known, near, first);
  widen(known, near, second);
}

/// Nearest and second nearest of the foam's seeds, one in each cube of `cell` mm.
struct Neighbours {
  float first = 1e9F, second = 1e9F;
  float value = 0;
};

Neighbours neighbours(Point at, float cell, uint64_t seed) {
  const Point p = at * (1 / cell);
  const auto i = static_cast<int64_t>(std::floor(p.x));
  const auto j = static_cast<int64_t>(std::floor(p.y));
  const auto k = static_cast<int64_t>(std::floor(p.z));
  Neighbours found;
  for (int n = 0; n < 27; ++n) {
    const int64_t x = i + n % 3 - 1;
    const int64_t y = j + n / 3 % 3 - 1;
    const int64_t z = k + n / 9 - 1;
    const float u = hash_noise(x, y, z, seed);
    const Point centre = {static_cast<float>(x) + u,
                          static_cast<float>(y) + hash_noise(x, y, z, seed + 1),
                          static_cast<float>(z) + hash_noise(x, y, z, seed + 2)};
    const float distance = length(p - centre);
    if (distance < found.first) {
      found.second = found.first;
      found.first = distance;
      found.value = u;
    } else {
      found.second = std::min(found.second, distance);
    }
  }
  return found;
}

/// `lung` near the points asked for, `pulled` near those that they are pulled to: two, so that each
/// may be the cheaper solid of a neighbourhood.
Solid drawn_back(const Solid& lung, const Solid& pulled, const std::function<Point(Point)>& pull,
                 float stretch) {
  const auto distance = [lung, pulled, pull, stretch](Point p) {
    const Point by = pull(p);
    // Where next to nothing is pulled nothing is free: no film at the wall.
    const float unpulled = (kFilm - length(by)) / (stretch - 1);
    return std::max(unpulled, std::max(lung.distance(p), -pulled.distance(p + by)) / stretch);
  };
  return {lung.bounds, distance, [=](Point centre, float radius) {
            return drawn_back(localised(lung, centre, radius),
                              localised(pulled, centre + pull(centre), radius * stretch), pull,
                              stretch);
          }};
}

}  // namespace

Box tight_box(const Solid& solid) {
  Box known = empty_box();
  widen(known, solid, solid.bounds);
  return known;
}

float fade(float value, float from, float to) {
  const float t = std::clamp((value - from) / (to - from), 0.0F, 1.0F);
  return t * t * (3 - 2 * t);
}

Solid drawn_back(const Solid& lung, const std::function<Point(Point)>& pull, float stretch) {
  return drawn_back(lung, lung, pull, stretch);
}

Solid lining(const Solid& lung, const std::function<float(Point)>& thickness, float slope) {
  const auto distance = [lung, thickness, slope](Point p) {
    const float wall = lung.distance(p);
    const float deep = thickness(p);
    return std::max({wall, 0.6F - deep, -wall - deep}) / (1 + slope);
  };
  return {lung.bounds, distance, [=](Point centre, float radius) {
            return lining(localised(lung, centre, radius), thickness, slope);
          }};
}

Solid blobs(const Box& bounds, float wavelength, float threshold, uint64_t seed) {
  // The noise rises by about 4 over a wavelength where it is steepest.
  const float to_mm = wavelength / 4;
  const Solid everywhere = {bounds, [=](Point p) {
                              const Point q = p * (1 / wavelength);
                              return (threshold - value_noise(q.x, q.y, q.z, seed)) * to_mm;
                            }};
  return intersected(everywhere, box(bounds, 0));
}

Solid lobulated(Point centre, float radius, int lobes, Random& random) {
  const float small = 0.75F * radius;
  std::vector<Solid> parts = {ovoid({}, 0.68F * small, random)};
  for (int i = 0; i < lobes; ++i) {
    const auto lobe = static_cast<float>(random.uniform(0.36, 0.52)) * small;
    parts.push_back(ellipsoid(random_direction(random) * (small - lobe), {lobe, lobe, lobe}));
  }
  const Solid lump = united(std::move(parts), 0.1F * small);
  // As wide as it should be, whichever way its lobes point.
  const Box b = tight_box(lump);
  const Point edge = b.high - b.low;
  const float factor = std::max(1.0F, 2 * radius / std::max({edge.x, edge.y, edge.z}));
  const Point middle = (b.low + b.high) * 0.5F;
  return shifted(stretched(shifted(lump, middle * -1), {factor, factor, factor}), centre);
}

Solid ovoid(Point centre, float radius, Random& random) {
  const auto axis = [&] { return radius * static_cast<float>(random.uniform(0.8, 1)); };
  Point radii = {axis(), axis(), axis()};
  const int64_t longest = random.integer(0, 2);
  (longest == 0 ? radii.x : longest == 1 ? radii.y : radii.z) = radius;
  return ellipsoid(centre, radii);
}

Point random_direction(Random& random) {
  const auto z = static_cast<float>(random.uniform(-1, 1));
  const auto angle = static_cast<float>(random.uniform(0, 2 * kPi));
  const float across = std::sqrt(1 - z * z);
  return {across * std::cos(angle), across * std::sin(angle), z};
}

float foam(Point at, float cell, float wall, uint64_t seed) {
  const Neighbours near = neighbours(at, cell, seed);
  const float from_wall = 0.5F * (near.second - near.first) * cell;
  return 1 - fade(from_wall, 0.3F * wall, 0.8F * wall);
}

float foam_cell(Point at, float cell, uint64_t seed) { return neighbours(at, cell, seed).value; }

float scattered(Point at, const Scatter& scatter, float share) {
  const Point p = at * (1 / scatter.cell);
  const auto i = static_cast<int64_t>(std::floor(p.x));
  const auto j = static_cast<int64_t>(std::floor(p.y));
  const auto k = static_cast<int64_t>(std::floor(p.z));
  if (hash_noise(i, j, k, scatter.seed) >= share) return 0;
  const auto drawn = [&](uint64_t n) { return hash_noise(i, j, k, scatter.seed + n); };
  const float size = drawn(1);
  const float radius =
      scatter.radius_low + (scatter.radius_high - scatter.radius_low) * size * size;
  // A ball never leaves its cube, so that one cube is all that has to be looked at.
  const float room = 1 - 2 * radius / scatter.cell;
  const Point inside =
      p - Point{static_cast<float>(i), static_cast<float>(j), static_cast<float>(k)};
  const Point centre = {0.5F + room * (drawn(2) - 0.5F), 0.5F + room * (drawn(3) - 0.5F),
                        0.5F + room * (drawn(4) - 0.5F)};
  return fade(length(inside - centre) * scatter.cell, radius + 0.5F, radius - 0.5F);
}

}  // namespace ctclip::phantom
