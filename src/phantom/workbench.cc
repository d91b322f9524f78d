#include "phantom/workbench.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace ctclip::phantom {
namespace {

constexpr int kTries = 1500;

float share(float low, float high, float part) { return low + (high - low) * part; }

}  // namespace

Workbench::Workbench(Anatomy& person, Planned& planned) : anatomy(person), planned_(planned) {
  lungs_[0].box = tight_box(anatomy.left_lung);
  lungs_[1].box = tight_box(anatomy.right_lung);
  // Nobody would find a nodule among the vessels of the hilum.
  for (const Side side : kSides) avoid(Box::around(hilum(side), {16, 24, 26}));
}

void Workbench::start(Finding next, const Random& own) {
  finding = std::move(next);
  random = own;
}

void Workbench::finish() {
  planned_.truth.push_back(std::move(finding));
  for (Finding& other : also_) planned_.truth.push_back(std::move(other));
  also_.clear();
}

std::vector<Side> Workbench::sides() const {
  if (finding.side == Side::left || finding.side == Side::right) return {finding.side};
  return {Side::left, Side::right};
}

const Solid& Workbench::lung(Side side) const {
  return side == Side::left ? anatomy.left_lung : anatomy.right_lung;
}

const Box& Workbench::lung_box(Side side) const { return side_of(side).box; }

Solid Workbench::free_lung(Side side) const {
  Solid free = grown(lung(side), kWallMm);
  for (const Solid& room : side_of(side).taken) free = without(free, room);
  return free;
}

void Workbench::take(Side side, const Solid& room) {
  lungs_[side == Side::left ? 0 : 1].taken.push_back(room);
}

Point Workbench::hilum(Side side) const {
  return side == Side::left ? anatomy.left_hilum : anatomy.right_hilum;
}

Point Workbench::carina() const { return anatomy.airways.front().path.back(); }

bool Workbench::is_free(Side side, Point at) const {
  const auto& taken = side_of(side).taken;
  return std::none_of(taken.begin(), taken.end(),
                      [&](const Solid& room) { return room.distance(at) < 0; });
}

Point Workbench::point_in(Side side, const Zone& zone, const Depth& depth, float radius) {
  const Box& b = lung_box(side);
  Point at;
  for (int i = 0; i < 3 * kTries; ++i) {
    at = {share(b.low.x, b.high.x, draw(0, 1)),
          share(b.low.y, b.high.y, draw(zone.y_low, zone.y_high)),
          share(b.low.z, b.high.z, draw(zone.z_low, zone.z_high))};
    const float inside = -lung(side).distance(at);
    const bool deep_enough = i >= 2 * kTries || (inside >= depth.low && inside <= depth.high);
    if (inside <= 1 || !deep_enough || !is_free(side, at)) continue;
    const Box around = Box::around(at, {radius, radius, radius});
    const bool clear = std::none_of(taken_.begin(), taken_.end(),
                                    [&](const Box& other) { return other.overlaps(around); });
    if (clear || i >= kTries) return at;
  }
  return at;
}

Point Workbench::on_wall(Side side, float angle, float z) const {
  const Box& b = lung_box(side);
  const Point axis = {0.5F * (b.low.x + b.high.x), 0.5F * (b.low.y + b.high.y), z};
  const Point out = {sign_of(side) * std::cos(angle), std::sin(angle), 0};
  float far = 200;
  while (far > 0) {
    const float distance = lung(side).distance(axis + out * far);
    if (distance <= 0) break;
    far -= std::max(distance, 0.3F);
  }
  return axis + out * std::max(far, 0.0F);
}

Point Workbench::cardiophrenic_angle(Side side) {
  const Solid heart = heart_outline(anatomy);
  const float floor = side == Side::left ? anatomy.left_dome.z : anatomy.right_dome.z;
  Point corner;
  float best = std::numeric_limits<float>::max();
  for (int i = 0; i < 150; ++i) {
    const Point p = point_in(side, {0, 0.6F, 0, 0.5F}, {}, -1000);
    const float away = heart.distance(p) + std::abs(p.z - floor - 5);
    if (away >= best) continue;
    best = away;
    corner = p;
  }
  return corner;
}

float Workbench::height(Side side, float part) const {
  return share(lung_box(side).low.z, lung_box(side).high.z, part);
}

void Workbench::put(Solid solid, const Material& material, TissueMask on, float softness) {
  Layer layer;
  layer.solid = std::move(solid);
  layer.material = material;
  layer.only_on = on;
  layer.softness = softness;
  paint(layer);
}

void Workbench::add(Solid solid, float hu, float softness, TissueMask on) {
  Layer layer;
  layer.solid = std::move(solid);
  layer.material.hu = hu;
  layer.blend = Blend::add;
  layer.only_on = on;
  layer.softness = softness;
  paint(layer);
}

void Workbench::add(Solid solid, std::function<float(Point)> hu, float softness, TissueMask on) {
  Layer layer;
  layer.solid = std::move(solid);
  layer.pattern = std::move(hu);
  layer.blend = Blend::add;
  layer.only_on = on;
  layer.softness = softness;
  paint(layer);
}

void Workbench::paint(const Layer& layer, Stage stage) {
  planned_.layers.push_back({stage, layer});
}

void Workbench::box(const Solid& piece) { box(tight_box(piece)); }

void Workbench::box(const Box& piece) {
  if (piece.low.x > piece.high.x) return;
  finding.boxes.push_back(piece);
  avoid(piece);
}

void Workbench::also(std::string_view name, double size, std::vector<Box> boxes) {
  const FindingKind& kind = finding_kind(name);
  also_.push_back({std::string(kind.name), std::string(kind.supervised), std::string(kind.prompt),
                   finding.side, size, std::move(boxes)});
}

}  // namespace ctclip::phantom
