#include "phantom/scene.h"

#include <algorithm>
#include <cmath>

namespace ctclip::phantom {

float length(Point a) { return std::sqrt(dot(a, a)); }

Box Box::grown(float margin) const {
  const Point by{margin, margin, margin};
  return {low - by, high + by};
}

bool Box::overlaps(const Box& other) const {
  return low.x <= other.high.x && other.low.x <= high.x && low.y <= other.high.y &&
         other.low.y <= high.y && low.z <= other.high.z && other.low.z <= high.z;
}

Box Box::around(Point centre, Point half_sizes) {
  return {centre - half_sizes, centre + half_sizes};
}

Box Box::joined(const Box& a, const Box& b) {
  return {
      {std::min(a.low.x, b.low.x), std::min(a.low.y, b.low.y), std::min(a.low.z, b.low.z)},
      {std::max(a.high.x, b.high.x), std::max(a.high.y, b.high.y), std::max(a.high.z, b.high.z)}};
}

Solid localised(const Solid& solid, Point centre, float radius) {
  return solid.local ? solid.local(centre, radius) : solid;
}

}  // namespace ctclip::phantom
