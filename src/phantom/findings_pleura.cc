// What lies between the lung and the chest wall.

#include <algorithm>
#include <cmath>
#include <utility>

#include "phantom/finding_makers.h"
#include "phantom/workbench.h"

namespace ctclip::phantom {
namespace {

constexpr Material kAir = {Tissue::air, -995};

/// How far the lung is pulled off the wall by free fluid: all of it at the back of the base,
/// nothing in front and above; a little upwards too, so that some stands on the diaphragm.
std::function<Point(Point)> sunk_fluid(const Box& lung, float depth) {
  const float reach = std::min(60 + 2.6F * depth, lung.high.z - lung.low.z);
  const float range = 60 + 1.2F * depth;
  return [=](Point p) {
    const float up = std::clamp(1 - (p.z - lung.low.z - 25) / reach, 0.0F, 1.0F);
    const float back = std::clamp(1 - (lung.high.y - p.y) / range, 0.0F, 1.0F);
    const float t = depth * up * back;
    return Point{0, t, -0.35F * t};
  };
}

void make_fluid(Workbench& bench, float hu) {
  for (const Side side : bench.sides()) {
    const Solid lung = grown(bench.lung(side), kWallMm);
    const Box& b = bench.lung_box(side);
    const float depth = bench.size();
    const Solid fluid = drawn_back(lung, sunk_fluid(b, depth), 1.6F);
    // The lung next to the fluid is squeezed and hence denser.
    const Solid squeezed = drawn_back(lung, sunk_fluid(b, 1.25F * depth + 5), 1.6F);
    bench.add(squeezed, bench.draw(250, 450), 5);
    if (depth > 25) {
      const Solid airless = drawn_back(lung, sunk_fluid(b, 1.15F * depth + 4), 1.6F);
      bench.put(airless, {Tissue::lesion, 45, 8, 8}, kParenchyma, 3);
    }
    bench.put(fluid, {Tissue::fluid, hu, 2, 15}, kInLung);
    bench.take(side, squeezed);
    bench.box(squeezed);
  }
}

/// Air in front of and above the lung, which falls back and towards its hilum.
std::function<Point(Point)> risen_air(const Box& lung, Side side, float depth, float more) {
  const float range = 0.75F * (lung.high.y - lung.low.y);
  return [=](Point p) {
    const float front = std::clamp(1.25F - (p.y - lung.low.y) / range, 0.0F, 1.0F);
    const float t = depth * front;
    const float line = t > 1 ? more : 0;
    return Point{sign_of(side) * 0.45F, -1, 0.4F} * (t + line);
  };
}

void make_lining(Workbench& bench, Side side, Point centre, Point radii, const Material& material,
                 bool flat) {
  const float depth = bench.size();
  const auto thickness = [=](Point p) {
    const Point d = p - centre;
    const float r = length({d.x / radii.x, d.y / radii.y, d.z / radii.z});
    // Falls on outside the patch, so that distances grow with the way to it.
    const float profile = flat ? std::min(1.0F, 2.5F * (1 - r)) : r < 1 ? 1 - r * r : 2 * (1 - r);
    return depth * profile;
  };
  const float steepest = depth / std::min({radii.x, radii.y, radii.z}) * (flat ? 2.5F : 2.0F);
  Solid layer = lining(grown(bench.lung(side), kWallMm), thickness, steepest);
  layer.bounds = Box::around(centre, radii);
  layer = roughened(layer, std::min(0.12F * depth, 1.0F), 8, bench.random.bits());
  bench.put(layer, material, kInLung);
  bench.take(side, layer);
  bench.box(grown(layer, 0.8F));  // its edges are thinner than a box is exact
}

}  // namespace

void make_effusion(Workbench& bench) { make_fluid(bench, bench.draw(4, 16)); }

void make_hemothorax(Workbench& bench) { make_fluid(bench, bench.draw(50, 72)); }

void make_pneumothorax(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const Box& b = bench.lung_box(side);
    const Solid& lung = bench.lung(side);
    const Solid air = drawn_back(lung, risen_air(b, side, bench.size(), 0), 1.5F);
    const Solid with_pleura = drawn_back(lung, risen_air(b, side, bench.size(), 1.1F), 1.5F);
    bench.put(with_pleura, {Tissue::lesion, 0}, kInLung);
    bench.put(air, kAir, kInLung);
    bench.take(side, grown(with_pleura, 1));
    bench.box(grown(with_pleura, 0.6F));  // the pleura alone is thinner than a box is exact
  }
}

void make_hydropneumothorax(Workbench& bench) {
  std::vector<Box> fluids;
  for (const Side side : bench.sides()) {
    const Solid& lung = bench.lung(side);
    const Box& b = bench.lung_box(side);
    const Point hilum = bench.hilum(side);
    // The lung shrinks towards its hilum, which lies about half a lung's depth from the wall.
    const float shrunk = 1 - bench.size() / (0.55F * (b.high.y - b.low.y));
    const auto collapsed = [&](float scale) {
      return Solid{b, [lung, hilum, scale](Point p) {
                     return scale * lung.distance(hilum + (p - hilum) * (1 / scale));
                   }};
    };
    const Solid gap = without(lung, collapsed(shrunk));
    const Point level = {0, b.low.y + bench.draw(0.5, 0.75) * (b.high.y - b.low.y), 0};
    bench.add(collapsed(shrunk), 2.5F * bench.size(), 3);
    bench.put(without(lung, collapsed(shrunk - 0.012F)), {Tissue::lesion, 10}, kInLung);
    bench.put(gap, kAir, kInLung);
    const Solid fluid = intersected(gap, half_space(level, {0, -1, 0}));
    bench.put(fluid, {Tissue::fluid, bench.draw(5, 20), 2, 15}, kInLung | mask_of(Tissue::air));
    bench.take(side, grown(gap, 3));
    bench.box(b);
    fluids.push_back(tight_box(fluid));
  }
  bench.also("pleural_effusion", bench.size(), fluids);
}

void make_pleural_thickening(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const Point centre =
        bench.on_wall(side, bench.draw(-0.2, 1.2), bench.height(side, bench.draw(0.25, 0.6)));
    const Point radii = {bench.draw(45, 80), bench.draw(45, 80), bench.draw(45, 90)};
    make_lining(bench, side, centre, radii, {Tissue::lesion, bench.draw(35, 60), 6, 10}, false);
  }
}

void make_pleural_plaques(Workbench& bench) {
  for (const Side side : bench.sides()) {
    const int64_t count = bench.random.integer(2, 4);
    for (int64_t i = 0; i < count; ++i) {
      const Point centre =
          bench.on_wall(side, bench.draw(-1, 1.3), bench.height(side, bench.draw(0.2, 0.7)));
      const Point radii = {bench.draw(14, 28), bench.draw(14, 28), bench.draw(12, 26)};
      const bool calcified = bench.random.chance(0.7);
      const Material chalk = {Tissue::lesion, bench.draw(280, 650), 120, 5, 0, bench.random.bits()};
      make_lining(bench, side, centre, radii, calcified ? chalk : Material{Tissue::lesion, 55},
                  true);
    }
  }
}

}  // namespace ctclip::phantom
