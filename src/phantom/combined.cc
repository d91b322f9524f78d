// Solids made of others.

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "phantom/scene.h"

namespace ctclip::phantom {
namespace {

/// The smaller of two distances, its crease rounded over `blend` mm (Quilez's polynomial). Still
/// Lipschitz 1.
float smooth_min(float a, float b, float blend) {
  const float h = std::max(blend - std::abs(a - b), 0.0F);
  return blend > 0 ? std::min(a, b) - h * h / (4 * blend) : std::min(a, b);
}

using Parts = std::vector<Solid>;

float nearest(const Parts& parts, float blend, Point p) {
  float best = parts.front().distance(p);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    best = smooth_min(best, parts[i].distance(p), blend);
  }
  return best;
}

Solid united_near(const Parts& parts, float blend, Point centre, float radius) {
  std::vector<float> distances;
  for (const Solid& part : parts) distances.push_back(part.distance(centre));
  const float limit =
      *std::min_element(distances.begin(), distances.end()) + 2 * radius + 2 * blend;
  Parts near;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (distances[i] <= limit) near.push_back(localised(parts[i], centre, radius));
  }
  return united(std::move(near), blend);
}

/// a and b, one of which may be left out near a point. `sign_b` -1: what is outside of b.
struct Pair {
  Solid a, b;
  float sign_b = 1, blend = 0;

  float distance(Point p) const {
    return -smooth_min(-a.distance(p), -sign_b * b.distance(p), blend);
  }
};

Solid solid_of(const std::shared_ptr<const Pair>& pair, const Box& bounds);

Solid pair_near(const Pair& pair, const Box& bounds, Point centre, float radius) {
  const float da = pair.a.distance(centre), db = pair.sign_b * pair.b.distance(centre);
  const float clear = 2 * radius + pair.blend;
  if (da > db + clear) {
    Solid only = localised(pair.a, centre, radius);
    only.bounds = bounds;
    return only;
  }
  Solid b = localised(pair.b, centre, radius);
  if (db > da + clear) {
    if (pair.sign_b > 0) return b;
    return {bounds, [b](Point p) { return -b.distance(p); }};
  }
  return solid_of(std::make_shared<const Pair>(Pair{localised(pair.a, centre, radius), std::move(b),
                                                    pair.sign_b, pair.blend}),
                  bounds);
}

Solid solid_of(const std::shared_ptr<const Pair>& pair, const Box& bounds) {
  return {bounds, [pair](Point p) { return pair->distance(p); },
          [pair, bounds](Point centre, float radius) {
            return pair_near(*pair, bounds, centre, radius);
          }};
}

/// A solid seen through a change of coordinates that never lengthens: `to` maps a point of the new
/// to one of the old.
template <typename Map>
Solid mapped(const Solid& a, const Box& bounds, Map to) {
  Solid solid{bounds, [distance = a.distance, to](Point p) { return distance(to(p)); }};
  if (a.local) {
    solid.local = [local = a.local, bounds, to](Point centre, float radius) {
      return mapped(local(to(centre), radius), bounds, to);
    };
  }
  return solid;
}

Box intersection(const Box& a, const Box& b) {
  return {
      {std::max(a.low.x, b.low.x), std::max(a.low.y, b.low.y), std::max(a.low.z, b.low.z)},
      {std::min(a.high.x, b.high.x), std::min(a.high.y, b.high.y), std::min(a.high.z, b.high.z)}};
}

}  // namespace

Solid united(std::vector<Solid> parts, float blend) {
  if (parts.empty()) return forest({});
  if (parts.size() == 1) return std::move(parts.front());
  Box bounds = parts.front().bounds;
  for (const Solid& part : parts) bounds = Box::joined(bounds, part.bounds);
  bounds = bounds.grown(blend / 4 * static_cast<float>(parts.size() > 2 ? 2 : 1));
  auto shared = std::make_shared<const Parts>(std::move(parts));
  return {bounds, [shared, blend](Point p) { return nearest(*shared, blend, p); },
          [shared, blend](Point centre, float radius) {
            return united_near(*shared, blend, centre, radius);
          }};
}

Solid intersected(Solid a, Solid b, float blend) {
  const Box bounds = intersection(a.bounds, b.bounds);
  return solid_of(std::make_shared<const Pair>(Pair{std::move(a), std::move(b), 1, blend}), bounds);
}

Solid without(Solid a, Solid b, float blend) {
  const Box bounds = a.bounds;
  return solid_of(std::make_shared<const Pair>(Pair{std::move(a), std::move(b), -1, blend}),
                  bounds);
}

Solid shifted(const Solid& a, Point by) {
  const Box bounds{a.bounds.low + by, a.bounds.high + by};
  return mapped(a, bounds, [by](Point p) { return p - by; });
}

Solid grown(const Solid& a, float by) {
  Solid solid{a.bounds.grown(by),
              [distance = a.distance, by](Point p) { return distance(p) - by; }};
  if (a.local) {
    solid.local = [local = a.local, by](Point centre, float radius) {
      return grown(local(centre, radius), by);
    };
  }
  return solid;
}

Solid stretched(const Solid& a, Point f) {
  const Box& b = a.bounds;
  const Box bounds{{b.low.x * f.x, b.low.y * f.y, b.low.z * f.z},
                   {b.high.x * f.x, b.high.y * f.y, b.high.z * f.z}};
  return mapped(a, bounds, [f](Point p) { return Point{p.x / f.x, p.y / f.y, p.z / f.z}; });
}

Solid turned(const Solid& a, Point pivot, int axis, float degrees) {
  const float angle = degrees * std::numbers::pi_v<float> / 180;
  const float c = std::cos(angle), s = std::sin(angle);
  const auto turn = [axis, c](Point v, float sine) {
    if (axis == 0) return Point{v.x, c * v.y - sine * v.z, sine * v.y + c * v.z};
    if (axis == 1) return Point{sine * v.z + c * v.x, v.y, c * v.z - sine * v.x};
    return Point{c * v.x - sine * v.y, sine * v.x + c * v.y, v.z};
  };
  const Box b = a.bounds;
  Box bounds{{1e6F, 1e6F, 1e6F}, {-1e6F, -1e6F, -1e6F}};
  for (int corner = 0; corner < 8; ++corner) {
    const Point p{corner & 1 ? b.high.x : b.low.x, corner & 2 ? b.high.y : b.low.y,
                  corner & 4 ? b.high.z : b.low.z};
    const Point q = pivot + turn(p - pivot, s);
    bounds = Box::joined(bounds, {q, q});
  }
  return mapped(a, bounds, [pivot, turn, s](Point p) { return pivot + turn(p - pivot, -s); });
}

Solid roughened(const Solid& a, float amplitude, float wavelength, uint64_t seed) {
  // The noise runs from -1 to 1 over a wavelength, at most 3 steep along each axis.
  const float shrink = 1 / (1 + amplitude / wavelength * 3 * std::numbers::sqrt3_v<float>);
  const auto rough = [=](float distance, Point p) {
    const float noise = value_noise(p.x / wavelength, p.y / wavelength, p.z / wavelength, seed);
    return (distance + amplitude * noise) * shrink;
  };
  Solid solid{a.bounds.grown(amplitude),
              [distance = a.distance, rough](Point p) { return rough(distance(p), p); }};
  if (a.local) {
    solid.local = [local = a.local, amplitude, wavelength, seed](Point centre, float radius) {
      return roughened(local(centre, radius), amplitude, wavelength, seed);
    };
  }
  return solid;
}

}  // namespace ctclip::phantom
