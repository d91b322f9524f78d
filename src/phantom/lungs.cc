// The lungs: what the cage holds but for the mediastinum and what the diaphragm lifts into it.

#include <algorithm>
#include <cmath>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
Solid spinal_room(const Anatomy& a) {
  std::vector<Section> sections;
  for (auto v = a.spine.rbegin(); v != a.spine.rend(); ++v) {
    sections.push_back({v->centre.z, 0, v->centre.y + 14, v->width / 2 + 11, v->depth / 2 + 22});
  }
  sections.front().z -= 80 * a.thorax.height;  // past the end of the scan
  return loft(std::move(sections), 0.2F);
}

namespace {

/// Between the lungs, from the thymus to the trachea.
Solid between(const Anatomy& a) {
  const Thorax& t = a.thorax;
  std::vector<Section> sections;
  const auto add = [&](float z, float x, float y, float rx, float ry) {
    sections.push_back({z * t.height, x * t.width, y * t.depth, rx * t.width, ry * t.depth});
  };
  add(-210, 6, 0, 30, 60);
  add(-100, 8, -10, 26, 70);
  add(-40, 4, -12, 15, 72);
  add(5, 2, -14, 16, 70);
  add(30, 0, -12, 21, 66);
  add(60, -1, -10, 24, 58);
  add(90, 0, -4, 30, 50);
  add(130, 0, 0, 34, 50);
  add(180, 0, 0, 36, 50);
  return loft(std::move(sections), 0);
}

Solid mediastinum(const Anatomy& a) {
  std::vector<Solid> parts = {spinal_room(a), between(a), grown(heart_outline(a), 6)};
  for (const Branch* b : {&a.ascending_aorta, &a.aortic_arch, &a.descending_aorta,
                          &a.pulmonary_trunk, &a.superior_vena_cava, &a.oesophagus}) {
    parts.push_back(solid_of(*b, 3));
  }
  return united(std::move(parts), 10);
}

/// The lowest edges of the lungs: deep behind, shallow in front.
Solid above_recess(const Anatomy& a) {
  const Point back = a.thorax.place(0, 88, -146);
  return half_space(back, {0, -0.32F, -0.947F});
}

Solid lung_of(const Anatomy& a, Side side, const Solid& middle) {
  const Solid half = half_space({sign_of(side) * 2, 0, 0}, {-sign_of(side), 0, 0});
  const Solid room = intersected(intersected(a.thorax.cage(side, 0), half), above_recess(a), 8);
  return without(without(room, middle, 10), grown(below_dome(a, side), 1), 5);
}

/// A thin curved sheet inside a lung.
Layer fissure(const Solid& lung, Point through, Point normal, uint64_t seed) {
  const Solid sheet{lung.bounds, [=](Point p) {
                      const float wave = 5 * value_noise(p.x / 45, p.y / 45, p.z / 45, seed);
                      return (std::abs(dot(p - through, normal) + wave) - 0.35F) / 1.6F;
                    }};
  return layer_of(intersected(grown(lung, -0.5F), sheet), Tissue::lung, -690);
}

}  // namespace

Solid below_dome(const Anatomy& a, Side side) {
  const Thorax& t = a.thorax;
  const Point top = side == Side::left ? a.left_dome : a.right_dome;
  const Point radii{84 * t.width, 92 * t.depth, 74 * t.height};
  const Solid cap = ellipsoid({top.x, top.y, top.z - radii.z}, radii);
  const float widest = top.z - radii.z;
  // Under its widest level it goes straight down.
  Solid dome{cap.bounds, [distance = cap.distance, widest](Point p) {
               return distance({p.x, p.y, std::max(p.z, widest)});
             }};
  dome.bounds.low.z = -1e4F;
  return dome;
}

void draw_lungs(Anatomy& a) {
  const Solid middle = mediastinum(a);
  a.left_lung = lung_of(a, Side::left, middle);
  a.right_lung = lung_of(a, Side::right, middle);
}

Layers paint_lungs(const Anatomy& a) {
  // What a finding has made larger since the lungs were drawn takes its room from them.
  std::vector<Solid> larger = {grown(heart_outline(a), 4)};
  for (const Branch* b :
       {&a.ascending_aorta, &a.aortic_arch, &a.descending_aorta, &a.pulmonary_trunk}) {
    larger.push_back(solid_of(*b, 1.5F));
  }
  for (const Vertebra& v : a.spine) {
    larger.push_back(ellipsoid(v.centre, {v.width / 2 + 4, v.depth / 2 + 4, v.height * 0.8F}));
  }
  const Solid taken = united(std::move(larger));
  Layers layers;
  for (const Side side : kSides) {
    const Solid& lung = side == Side::left ? a.left_lung : a.right_lung;
    Layer layer = layer_of(without(lung, taken), Tissue::lung, a.lung_hu, 22, 5);
    layer.material.gradient = 0.3F;
    layers.push_back(std::move(layer));
  }
  const Thorax& t = a.thorax;
  layers.push_back(fissure(a.left_lung, t.place(60, 20, 5), {0.08F, 0.8F, 0.595F}, a.seed));
  layers.push_back(fissure(a.right_lung, t.place(-60, 18, 0), {-0.08F, 0.8F, 0.595F}, a.seed + 1));
  const Solid front =
      intersected(a.right_lung, half_space(t.place(-60, 18, 0), {-0.08F, 0.8F, 0.595F}));
  layers.push_back(fissure(front, t.place(-60, -30, 8), {0.1F, 0.06F, 0.993F}, a.seed + 2));
  return layers;
}

}  // namespace ctclip::phantom
