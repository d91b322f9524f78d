// Solids that are made of nothing else.

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "phantom/scene.h"

namespace ctclip::phantom {
namespace {

constexpr float kFar = 1e6F;  // mm

/// Distance to an ellipsoid at the origin. The nearest point is q = r^2 p / (t + r^2) for the
/// largest root t of sum (r p / (t + r^2))^2 = 1; that sum falls and is convex to the right of its
/// largest pole, so Newton's first step, from 0 (the surface), ends left of the root, and the
/// others never pass it.
float ellipsoid_distance(Point p, Point r) {
  // A coordinate of 0 on the shortest axis has no pole to stay right of; a micron more gives it
  // one.
  p = {std::abs(p.x) + 1e-3F, std::abs(p.y) + 1e-3F, std::abs(p.z) + 1e-3F};
  const Point s{r.x * r.x, r.y * r.y, r.z * r.z};
  const Point rp{r.x * p.x, r.y * p.y, r.z * p.z};
  const float lowest = std::max({rp.x - s.x, rp.y - s.y, rp.z - s.z});
  float t = 0;
  for (int i = 0; i < 12; ++i) {
    const Point inverse{1 / (t + s.x), 1 / (t + s.y), 1 / (t + s.z)};
    const Point e{rp.x * inverse.x, rp.y * inverse.y, rp.z * inverse.z};
    const float excess = dot(e, e) - 1;
    const float slope = e.x * e.x * inverse.x + e.y * e.y * inverse.y + e.z * e.z * inverse.z;
    t = std::max(t + excess / (2 * slope), lowest);
    if (std::abs(excess) < 1e-3F) break;
  }
  const Point v{p.x / (t + s.x), p.y / (t + s.y), p.z / (t + s.z)};
  return t * std::sqrt(dot(v, v));
}

/// A segment with what its distance needs worked out.
struct Cone {
  Point from, axis;
  float inverse_square = 0, radius = 0, growth = 0, shrink = 1;

  explicit Cone(const Segment& s)
      : from(s.from),
        axis(s.to - s.from),
        radius(s.radius_from),
        growth(s.radius_to - s.radius_from) {
    const float square = dot(axis, axis);
    if (square > 0) {
      inverse_square = 1 / square;
      shrink = 1 / std::sqrt(1 + growth * growth * inverse_square);
    }
  }
  float operator()(Point p) const {
    const Point v = p - from;
    const float along = std::clamp(dot(v, axis) * inverse_square, 0.0F, 1.0F);
    const Point away = v - axis * along;
    return (std::sqrt(dot(away, away)) - radius - growth * along) * shrink;
  }
  Box bounds() const {
    const float widest = std::max(radius, radius + growth);
    const Point r{widest, widest, widest};
    return Box::joined(Box::around(from, r), Box::around(from + axis, r));
  }
};

using Cones = std::vector<Cone>;

float nearest(const Cones& cones, Point p) {
  float best = kFar;
  for (const Cone& cone : cones) best = std::min(best, cone(p));
  return best;
}

Solid forest_of(const std::shared_ptr<const Cones>& cones, const Box& bounds);

Solid forest_near(const Cones& cones, const Box& bounds, Point centre, float radius) {
  std::vector<float> distances(cones.size());
  float best = kFar;
  for (std::size_t i = 0; i < cones.size(); ++i) {
    distances[i] = cones[i](centre);
    best = std::min(best, distances[i]);
  }
  auto near = std::make_shared<Cones>();
  for (std::size_t i = 0; i < cones.size(); ++i) {
    if (distances[i] <= best + 2 * radius) near->push_back(cones[i]);
  }
  return forest_of(near, bounds);
}

Solid forest_of(const std::shared_ptr<const Cones>& cones, const Box& bounds) {
  if (cones->size() == 1) return {bounds, [cone = cones->front()](Point p) { return cone(p); }};
  Solid solid{bounds, [cones](Point p) { return nearest(*cones, p); }};
  if (cones->size() > 2) {
    solid.local = [cones, bounds](Point centre, float radius) {
      return forest_near(*cones, bounds, centre, radius);
    };
  }
  return solid;
}

/// The cross section of a loft at one height.
class Column {
 public:
  Column(std::vector<Section> sections, float squareness)
      : sections_(std::move(sections)), squareness_(squareness) {
    // Catmull and Rom's curve is at most 1.5 times as steep as the steepest chord. Where a side
    // leans by no more than that, a point h beside it is at least h / sqrt(1 + slope^2) from all of
    // it.
    float steepest = 0;
    for (std::size_t i = 0; i + 1 < sections_.size(); ++i) {
      const Section &a = sections_[i], &b = sections_[i + 1];
      const float rise = b.z - a.z;
      const float x = std::abs(b.radius_x - a.radius_x) + std::abs(b.centre_x - a.centre_x);
      const float y = std::abs(b.radius_y - a.radius_y) + std::abs(b.centre_y - a.centre_y);
      steepest = std::max(steepest, std::max(x, y) / rise);
    }
    const float slope = 1.5F * steepest;
    shrink_ = 1 / std::sqrt(1 + slope * slope);
  }

  float operator()(Point p) const {
    const float low = sections_.front().z, high = sections_.back().z;
    const Section s = at(std::clamp(p.z, low, high));
    const float x = std::abs(p.x - s.centre_x) / s.radius_x,
                y = std::abs(p.y - s.centre_y) / s.radius_y;
    const float x2 = x * x, y2 = y * y;
    const float round = std::sqrt(x2 + y2), square = std::sqrt(std::sqrt(x2 * x2 + y2 * y2));
    const float norm = round + squareness_ * (square - round);
    const float side = (norm - 1) * std::min(s.radius_x, s.radius_y) * shrink_;
    return std::max({side, low - p.z, p.z - high});
  }

  Box bounds() const {
    Box all{{kFar, kFar, sections_.front().z}, {-kFar, -kFar, sections_.back().z}};
    for (const Section& s : sections_) {
      // The curve may bulge past its sections by an eighth of a step, seldom more than this.
      const float x = s.radius_x * 1.1F + 3, y = s.radius_y * 1.1F + 3;
      all = Box::joined(all, {{s.centre_x - x, s.centre_y - y, all.low.z},
                              {s.centre_x + x, s.centre_y + y, all.high.z}});
    }
    return all;
  }

 private:
  Section at(float z) const {
    std::size_t i = 0;
    while (i + 2 < sections_.size() && z > sections_[i + 1].z) ++i;
    const Section &b = sections_[i], &c = sections_[i + 1];
    const Section &a = sections_[i == 0 ? 0 : i - 1],
                  &d = sections_[i + 2 < sections_.size() ? i + 2 : i + 1];
    const float rise = c.z - b.z, t = (z - b.z) / rise;
    const float in = rise / std::max(c.z - a.z, rise), out = rise / std::max(d.z - b.z, rise);
    const auto curve = [&](float Section::*m) {
      const float from = (c.*m - a.*m) * in, to = (d.*m - b.*m) * out, step = c.*m - b.*m;
      return b.*m + t * (from + t * (3 * step - 2 * from - to + t * (from + to - 2 * step)));
    };
    return {z, curve(&Section::centre_x), curve(&Section::centre_y), curve(&Section::radius_x),
            curve(&Section::radius_y)};
  }

  std::vector<Section> sections_;
  float squareness_, shrink_ = 1;
};

}  // namespace

Solid ellipsoid(Point centre, Point radii) {
  return {Box::around(centre, radii),
          [centre, radii](Point p) { return ellipsoid_distance(p - centre, radii); }};
}

Solid capsule(Point from, Point to, float radius_from, float radius_to) {
  return forest({{from, to, radius_from, radius_to}});
}

Solid tube(std::vector<Point> path, std::vector<float> radii) {
  std::vector<Segment> segments;
  if (path.size() == 1) segments.push_back({path[0], path[0], radii[0], radii[0]});
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    segments.push_back({path[i], path[i + 1], radii[i], radii[i + 1]});
  }
  return forest(std::move(segments));
}

Solid forest(std::vector<Segment> segments) {
  if (segments.empty()) {
    return {{{1, 1, 1}, {-1, -1, -1}}, [](Point) { return kFar; }};
  }
  auto cones = std::make_shared<Cones>(segments.begin(), segments.end());
  Box bounds = cones->front().bounds();
  for (const Cone& cone : *cones) bounds = Box::joined(bounds, cone.bounds());
  return forest_of(cones, bounds);
}

Solid box(const Box& box, float rounding) {
  const Point centre = (box.low + box.high) * 0.5F;
  const Point half = (box.high - box.low) * 0.5F - Point{rounding, rounding, rounding};
  return {box, [=](Point p) {
            const Point q{std::abs(p.x - centre.x) - half.x, std::abs(p.y - centre.y) - half.y,
                          std::abs(p.z - centre.z) - half.z};
            const Point out{std::max(q.x, 0.0F), std::max(q.y, 0.0F), std::max(q.z, 0.0F)};
            return length(out) + std::min(std::max({q.x, q.y, q.z}), 0.0F) - rounding;
          }};
}

Solid half_space(Point on_plane, Point normal) {
  return {Box::around({}, {kFar, kFar, kFar}),
          [on_plane, normal](Point p) { return dot(p - on_plane, normal); }};
}

Solid loft(std::vector<Section> sections, float squareness) {
  auto column = std::make_shared<const Column>(std::move(sections), squareness);
  return {column->bounds(), [column](Point p) { return (*column)(p); }};
}

}  // namespace ctclip::phantom
