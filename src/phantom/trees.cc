// Airways and vessels of the lungs.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
namespace {

using Points = std::vector<Point>;

/// How a tree fills a lung: a cloud of ends is halved again and again, and a branch grows from
/// where the last one ended part of the way to the middle of each half (M. H. Tawhai, A. J. Pullan,
/// P. J. Hunter, Generation of an anatomically based three-dimensional model of the conducting
/// airways, Ann Biomed Eng 2000;28:793-802).
class Tree {
 public:
  Tree(const Solid& lung, Side side, Random random) : lung_(lung), side_(side), random_(random) {}

  std::vector<Branch> grow(Point root, int ends, float margin, float thinnest, float exponent) {
    thinnest_ = thinnest;
    exponent_ = exponent;
    Points cloud = scatter(ends, margin);
    split(root, cloud, 0, cloud.size(), 2);
    return std::move(branches_);
  }

 private:
  Points scatter(int count, float margin) {
    Points cloud;
    const Box& b = lung_.bounds;
    // About every fourth try hits a lung.
    for (int tries = 0; tries < 100 * count && static_cast<int>(cloud.size()) < count; ++tries) {
      const Point p{static_cast<float>(random_.uniform(b.low.x, b.high.x)),
                    static_cast<float>(random_.uniform(b.low.y, b.high.y)),
                    static_cast<float>(random_.uniform(b.low.z, b.high.z))};
      if (lung_.distance(p) < -margin) cloud.push_back(p);
    }
    return cloud;
  }

  float radius_of(std::size_t ends) const {
    return std::min(thinnest_ * std::pow(static_cast<float>(ends), exponent_), 6.4F);
  }

  /// Halves [first, last) across its longest axis and grows a branch to each half.
  void split(Point from, Points& cloud, std::size_t first, std::size_t last, int generation) {
    if (last - first < 2) {
      if (last > first) branch(from, cloud[first], 1, generation);
      return;
    }
    Box box{cloud[first], cloud[first]};
    for (std::size_t i = first; i < last; ++i) box = Box::joined(box, {cloud[i], cloud[i]});
    const Point size = box.high - box.low;
    float Point::*axis = &Point::x;
    if (size.y > size.*axis) axis = &Point::y;
    if (size.z > size.*axis) axis = &Point::z;
    const std::size_t middle =
        first + static_cast<std::size_t>(
                    std::lround(static_cast<double>(last - first) * random_.uniform(0.38, 0.62)));
    std::nth_element(cloud.begin() + static_cast<std::ptrdiff_t>(first),
                     cloud.begin() + static_cast<std::ptrdiff_t>(middle),
                     cloud.begin() + static_cast<std::ptrdiff_t>(last),
                     [axis](const Point& a, const Point& b) { return a.*axis < b.*axis; });
    for (const auto& [begin, end] : {std::pair{first, middle}, std::pair{middle, last}}) {
      if (begin == end) continue;
      Point centre{};
      for (std::size_t i = begin; i < end; ++i) centre = centre + cloud[i];
      centre = centre * (1 / static_cast<float>(end - begin));
      const float reach = end - begin == 1 ? 1.0F : 0.42F;
      const Point to = branch(from, from + (centre - from) * reach, end - begin, generation);
      if (end - begin > 1) split(to, cloud, begin, end, generation + 1);
    }
  }

  /// Slightly bent. Where it would leave the lung it stays nearer to where it came from.
  Point branch(Point from, Point to, std::size_t ends, int generation) {
    const bool began_inside = lung_.distance(from) < -3;
    for (int i = 0; began_inside && i < 4 && lung_.distance(to) > -3; ++i) to = (from + to) * 0.5F;
    const float bend = 0.1F * length(to - from);
    const auto jitter = [&] { return bend * static_cast<float>(random_.uniform(-1, 1)); };
    Branch branch;
    branch.path = {from, (from + to) * 0.5F + Point{jitter(), jitter(), jitter()}, to};
    const float radius = radius_of(ends), end = std::max(radius * 0.86F, thinnest_ * 0.8F);
    branch.radii = {radius, (radius + end) / 2, end};
    branch.generation = generation;
    branch.side = side_;
    branches_.push_back(std::move(branch));
    return to;
  }

  const Solid& lung_;
  Side side_;
  Random random_;
  float thinnest_ = 0.6F, exponent_ = 0.385F;
  std::vector<Branch> branches_;
};

Branch bronchus(const Thorax& t, Points through, float from, float to, int generation, Side side) {
  for (Point& p : through) p = t.place(p.x, p.y, p.z);
  Branch branch;
  branch.path = smooth_path(through, 4);
  for (std::size_t i = 0; i < branch.path.size(); ++i) {
    const float along = static_cast<float>(i) / static_cast<float>(branch.path.size() - 1);
    branch.radii.push_back(from + (to - from) * along);
  }
  branch.generation = generation;
  branch.side = side;
  return branch;
}

/// Trachea, main and lobar bronchi; radii of the lumen.
void draw_large_airways(Anatomy& a, Random& random) {
  const Thorax& t = a.thorax;
  const float r = static_cast<float>(random.bounded(a.female ? 7.8 : 9.0, 0.6, 2));
  const auto add = [&](Points path, float from, float to, int generation, Side side) {
    a.airways.push_back(bronchus(t, std::move(path), r * from, r * to, generation, side));
  };
  add({{0, -14, 175}, {0, -6, 130}, {-1, 2, 90}, {-2, 12, 60}, {-1, 16, 44}}, 0.95F, 1, 0,
      Side::none);
  add({{-1, 16, 44}, {-18, 18, 32}, {-34, 19, 22}}, 0.86F, 0.74F, 1, Side::right);
  add({{-34, 19, 22}, {-46, 16, 30}, {-56, 14, 40}}, 0.5F, 0.4F, 2, Side::right);
  add({{-34, 19, 22}, {-39, 20, 8}, {-43, 22, -8}}, 0.62F, 0.55F, 2, Side::right);
  add({{-43, 22, -8}, {-52, 6, -18}, {-60, -10, -24}}, 0.38F, 0.3F, 3, Side::right);
  add({{-43, 22, -8}, {-48, 32, -24}, {-54, 40, -40}}, 0.46F, 0.36F, 3, Side::right);
  add({{-1, 16, 44}, {18, 21, 30}, {36, 24, 17}, {46, 24, 10}}, 0.78F, 0.64F, 1, Side::left);
  add({{46, 24, 10}, {56, 10, 16}, {62, -2, 26}}, 0.46F, 0.36F, 2, Side::left);
  add({{56, 10, 16}, {62, -8, 4}, {68, -22, -8}}, 0.36F, 0.28F, 3, Side::left);
  add({{46, 24, 10}, {50, 32, -8}, {56, 40, -32}}, 0.48F, 0.36F, 2, Side::left);
}

/// A bronchus beside each of an artery's larger branches, on its inner side.
Branch beside(const Branch& artery, Side side) {
  Branch airway = artery;
  const Point inwards = Point{-sign_of(side) * 0.45F, 0.35F, 0.82F};
  for (std::size_t i = 0; i < airway.path.size(); ++i) {
    const float r = artery.radii[i], lumen = 0.62F * r;
    airway.path[i] = artery.path[i] + inwards * (r + lumen + 0.9F);
    airway.radii[i] = lumen;
  }
  ++airway.generation;
  return airway;
}

}  // namespace

void draw_trees(Anatomy& a, const Random& from) {
  Random random = from.stream("trees");
  draw_large_airways(a, random);
  constexpr int kArteryEnds = 420, kVeinEnds = 340;
  constexpr float kVisibleAirway = 1.9F;  // mm radius of the artery beside it
  for (const Side side : kSides) {
    const uint64_t index = side == Side::left ? 0 : 1;
    const Solid& lung = side == Side::left ? a.left_lung : a.right_lung;
    const Point hilum = side == Side::left ? a.left_hilum : a.right_hilum;
    Tree arteries(lung, side, from.stream("arteries", index));
    for (Branch& b : arteries.grow(hilum, kArteryEnds, 6, 0.52F, 0.43F)) {
      if (b.radii.front() > kVisibleAirway) a.airways.push_back(beside(b, side));
      a.lung_vessels.push_back(std::move(b));
    }
    const Point veins = hilum + a.thorax.place(-sign_of(side) * 6, -6, -22);
    Tree returning(lung, side, from.stream("veins", index));
    for (Branch& b : returning.grow(veins, kVeinEnds, 6, 0.52F, 0.42F)) {
      a.lung_vessels.push_back(std::move(b));
    }
  }
}

Layers paint_lung_vessels(const Anatomy& a) {
  std::vector<Segment> segments;
  for (const Branch& b : a.lung_vessels) {
    for (std::size_t i = 0; i + 1 < b.path.size(); ++i) {
      segments.push_back({b.path[i], b.path[i + 1], b.radii[i], b.radii[i + 1]});
    }
  }
  Layer layer = layer_of(forest(std::move(segments)), Tissue::vessel, a.blood_hu);
  layer.only_on = mask_of(Tissue::lung) | mask_of(Tissue::fat) | mask_of(Tissue::vessel);
  return {layer};
}

Layers paint_airways(const Anatomy& a) {
  std::vector<Segment> walls, lumens;
  for (const Branch& b : a.airways) {
    for (std::size_t i = 0; i + 1 < b.path.size(); ++i) {
      const auto wall = [](float lumen) { return lumen + std::min(0.45F + 0.13F * lumen, 1.5F); };
      walls.push_back({b.path[i], b.path[i + 1], wall(b.radii[i]), wall(b.radii[i + 1])});
      lumens.push_back({b.path[i], b.path[i + 1], b.radii[i], b.radii[i + 1]});
    }
  }
  return {layer_of(forest(std::move(walls)), Tissue::organ, 30),
          layer_of(forest(std::move(lumens)), Tissue::airway, -995)};
}

}  // namespace ctclip::phantom
