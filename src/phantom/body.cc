// The outer body: skin, fat, muscle, breasts, arms; and the table it lies on.

#include <algorithm>
#include <cmath>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
namespace {

/// Trunk, shoulders, neck and arms, `inset` of the fat taken off: 0 is the skin, 1 the muscle
/// below.
Solid outline(const Anatomy& a, float inset) {
  const Thorax& t = a.thorax;
  const float fat = a.fat_mm * inset, w = a.body_half_width - fat, d = a.body_half_depth - fat;
  const float k = t.height, y = t.centre_y + 4;
  const std::vector<Section> trunk = {{-260 * k, 0, y, w * 0.97F, d * 1.0F},
                                      {-140 * k, 0, y, w * 0.98F, d},
                                      {-60 * k, 0, y, w, d},
                                      {20 * k, 0, y, w, d * 0.98F},
                                      {70 * k, 0, y, w * 0.96F, d * 0.9F},
                                      {112 * k, 0, y + 4, w * 0.84F, d * 0.74F}};
  std::vector<Solid> parts = {loft(trunk, 0.35F)};
  const float lift = a.arms_up ? 10.0F : 0.0F;
  const float thin = fat * 0.6F;
  const float shoulder = 44 + 0.5F * a.muscle_mm + 0.6F * a.fat_mm - thin;
  const Point left = t.place(150, 10, 96 + lift), right = t.place(-150, 10, 96 + lift);
  parts.push_back(tube({right, t.place(0, 20, 88), left},
                       {shoulder, 62 * t.depth + 0.5F * a.fat_mm - thin, shoulder}));
  const float neck = 54 * t.width + 0.35F * (a.fat_mm - fat);
  parts.push_back(
      tube({t.place(0, 22, 100), t.place(0, 6, 150), t.place(0, 0, 300)}, {neck + 8, neck, neck}));
  const Solid body = united(std::move(parts), 36);
  const float arm = arm_radius(a) - thin;
  std::vector<Solid> arms;
  for (const Side side : kSides) {
    const auto [head, bend, end] = upper_arm(a, side);
    arms.push_back(tube({head, bend, end}, {arm + 4, arm, arm - 3}));
  }
  arms.push_back(body);
  return united(std::move(arms), 10);
}

/// Fat between muscles: armpits, above the collar bones, under the shoulder blades.
Solid fat_planes(const Anatomy& a) {
  const Thorax& t = a.thorax;
  const float lift = a.arms_up ? 10.0F : 0.0F;
  const float room = std::clamp(a.fat_mm / 20, 0.55F, 1.25F);
  std::vector<Solid> parts;
  for (const Side side : kSides) {
    const float s = sign_of(side);
    const Point armpit = t.wall(side, -2, 62 * t.height, 24);
    parts.push_back(roughened(ellipsoid(armpit, Point{17, 30, 44} * room), 4, 14, a.seed + 21));
    parts.push_back(roughened(ellipsoid(t.place(s * 58, -26, 118), Point{30, 20, 16} * room), 4, 12,
                              a.seed + 22));
    parts.push_back(roughened(ellipsoid(t.place(s * 44, 20, 140), Point{14, 20, 26} * room), 4, 12,
                              a.seed + 23));
    parts.push_back(roughened(ellipsoid(t.place(s * 118, -38, 100 + lift), Point{26, 9, 30} * room),
                              3, 14, a.seed + 24));
  }
  return united(std::move(parts));
}

/// Thin fat between layers of muscle around the cage, where serratus and latissimus slide.
Solid cage_fat(const Anatomy& a) {
  const Thorax& t = a.thorax;
  const Solid outer = united({t.cage(Side::left, 17), t.cage(Side::right, 17)}, 30);
  const Solid inner = united({t.cage(Side::left, 14), t.cage(Side::right, 14)}, 30);
  const Solid sides = intersected(half_space(t.place(0, 62, 0), {0, 1, 0}),
                                  half_space(t.place(0, 0, 72), {0, 0, 1}));
  return intersected(roughened(without(outer, inner), 1.9F, 16, a.seed + 25), sides);
}

struct Breasts {
  Solid fat, gland;
};

Breasts breasts(const Anatomy& a) {
  const Thorax& t = a.thorax;
  std::vector<Solid> fat, gland;
  const float size = std::clamp(0.75F + a.fat_mm / 60, 0.8F, 1.25F);
  for (const Side side : kSides) {
    const Point chest = t.wall(side, -62, -5 * t.height, 12 + a.muscle_mm * 0.5F);
    const Point centre = chest + Point{sign_of(side) * 6, -4, -12};
    fat.push_back(ellipsoid(centre, Point{60, 20 + a.fat_mm * 0.55F, 60} * size));
    gland.push_back(roughened(ellipsoid(centre + Point{0, -7, 0}, Point{36, 14, 38} * size), 7, 13,
                              a.seed + 26));
  }
  return {united(std::move(fat)), united(std::move(gland))};
}

/// Between the lungs, and what the belly is packed in.
Solid inner_room(const Anatomy& a) {
  const Thorax& t = a.thorax;
  const Solid middle = loft({{-260 * t.height, 0, 0, 70, 70 * t.depth},
                             {-60 * t.height, 0, -4, 60, 72 * t.depth},
                             {40 * t.height, 0, -4, 46, 62 * t.depth},
                             {95 * t.height, 0, -4, 40, 42 * t.depth},
                             {150 * t.height, 0, -6, 30, 22 * t.depth},
                             {260 * t.height, 0, -10, 30, 20 * t.depth}},
                            0);
  return united({t.cage(Side::left, 1), t.cage(Side::right, 1), middle}, 16);
}

}  // namespace

std::array<Point, 3> upper_arm(const Anatomy& a, Side side) {
  const Thorax& t = a.thorax;
  const float s = sign_of(side);
  if (a.arms_up)
    return {t.place(s * 164, 8, 106), t.place(s * 158, 2, 160), t.place(s * 142, -12, 270)};
  const float beside = a.body_half_width + arm_radius(a) + 3;
  return {t.place(s * 168, 8, 90),
          {s * beside, 14, 15 * t.height},
          {s * (beside + 4), 22, -260 * t.height}};
}

float arm_radius(const Anatomy& a) { return 30 + 0.6F * a.muscle_mm + 0.4F * a.fat_mm; }

Layers paint_body(const Anatomy& a) {
  constexpr float kSkinMm = 1.8F;
  Layers layers;
  Solid skin = outline(a, 0);
  Breasts breast;
  if (a.female) {
    breast = breasts(a);
    skin = united({skin, breast.fat}, 14);
  }
  layers.push_back(layer_of(skin, Tissue::skin, 15));
  layers.push_back(layer_of(grown(skin, -kSkinMm), Tissue::fat, -105, 9, 7));
  if (a.female) {
    layers.push_back(
        layer_of(intersected(breast.gland, grown(skin, -6)), Tissue::organ, 15, 40, 6));
  }
  layers.push_back(layer_of(outline(a, 1), Tissue::muscle, 54));
  layers.back().pattern = [seed = a.seed,
                           marbled = std::clamp(a.fat_mm / 28, 0.35F, 1.0F)](Point p) {
    // Aslant, so that the lattice of the noise doesn't show.
    const float u = p.x + 0.6F * p.y, v = p.y - 0.5F * p.x + 0.3F * p.z;
    const float noise = value_noise(u / 17, v / 9, p.z / 26, seed);
    return 54 - 130 * marbled * std::clamp(2 * (noise - 0.4F), 0.0F, 1.0F);
  };
  layers.push_back(layer_of(fat_planes(a), Tissue::fat, -92, 14, 8));
  layers.push_back(layer_of(cage_fat(a), Tissue::fat, -60, 25, 8));
  layers.push_back(layer_of(inner_room(a), Tissue::fat, -96, 10, 7));
  for (Layer& layer : layers) {
    if (layer.material.tissue == Tissue::fat && &layer != &layers[1])
      layer.only_on = ~mask_of(Tissue::air);
  }
  return layers;
}

Layers paint_table(const Anatomy& a) {
  constexpr float kRadius = 420, kShell = 1.4F, kThick = 14, kHalfWidth = 205;
  const float top = a.thorax.centre_y + 4 + a.body_half_depth + 3;
  const auto arc = [=](float radius) {
    const float below = 1e4F;
    return Solid{{{-kHalfWidth, top - 60, -below}, {kHalfWidth, top + 40, below}},
                 [=](Point p) { return std::hypot(p.x, p.y - (top - kRadius)) - radius; }};
  };
  const Solid wide{{{-kHalfWidth, top - 60, -1e4F}, {kHalfWidth, top + 40, 1e4F}}, [=](Point p) {
                     return std::max({std::abs(p.x) - kHalfWidth, top - 60 - p.y});
                   }};
  const Solid top_shell =
      intersected(intersected(arc(kRadius + kThick), wide),
                  Solid{wide.bounds,
                        [=](Point p) { return kRadius - std::hypot(p.x, p.y - (top - kRadius)); }});
  Layer shell = layer_of(top_shell, Tissue::table, -250);
  Layer foam = layer_of(grown(top_shell, -kShell), Tissue::table, -930);
  shell.only_on = foam.only_on = mask_of(Tissue::air) | mask_of(Tissue::table);
  return {shell, foam};
}

}  // namespace ctclip::phantom
