// What lies between the lungs.

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
namespace {

constexpr float kMyocardium = 55, kWall = 42;  // HU

/// A chamber: an ellipsoid in the heart's own axes, as parts of its radii.
Solid chamber(const Anatomy& a, Point at, Point size) {
  const Point& r = a.heart_radii;
  const float s = a.heart_scale;
  const Point centre = a.heart_centre + Point{at.x * r.x, at.y * r.y, at.z * r.z} * s;
  Solid solid = ellipsoid(centre, Point{size.x * r.x, size.y * r.y, size.z * r.z} * s);
  return turned(turned(solid, a.heart_centre, 1, 22), a.heart_centre, 2, -28);
}

Layers heart(const Anatomy& a) {
  const float blood = a.blood_hu;
  Layers layers;
  layers.push_back(
      layer_of(roughened(grown(heart_outline(a), 4), 2, 22, a.seed), Tissue::fat, -98, 10, 8));
  layers.push_back(layer_of(
      united({heart_outline(a), chamber(a, {-0.62F, 0.42F, 0.36F}, {0.5F, 0.42F, 0.46F})}, 6),
      Tissue::heart, kMyocardium, 4, 10));
  const Solid left_ventricle = chamber(a, {0.42F, 0.2F, -0.1F}, {0.38F, 0.4F, 0.48F});
  const Solid right_ventricle = without(chamber(a, {0.18F, -0.34F, -0.08F}, {0.62F, 0.48F, 0.72F}),
                                        grown(left_ventricle, 9), 3);
  layers.push_back(layer_of(left_ventricle, Tissue::heart, blood));
  layers.push_back(layer_of(right_ventricle, Tissue::heart, blood));
  layers.push_back(
      layer_of(chamber(a, {-0.6F, -0.22F, 0.05F}, {0.32F, 0.5F, 0.55F}), Tissue::heart, blood));
  layers.push_back(
      layer_of(chamber(a, {-0.5F, 0.52F, 0.36F}, {0.44F, 0.36F, 0.38F}), Tissue::heart, blood));
  return layers;
}

/// Veins from the arms and the neck, and the arteries that leave the arch.
Solid upper_vessels(const Anatomy& a) {
  const Thorax& t = a.thorax;
  std::vector<Segment> parts;
  const auto add = [&](const std::vector<Point>& through, float radius) {
    std::vector<Point> places;
    places.reserve(through.size());
    for (const Point& p : through) places.push_back(t.place(p.x, p.y, p.z));
    const auto path = smooth_path(places, 4);
    for (std::size_t i = 0; i + 1 < path.size(); ++i)
      parts.push_back({path[i], path[i + 1], radius, radius});
  };
  add({{-24, -26, 88}, {-29, -30, 105}, {-34, -18, 140}, {-36, -14, 175}}, 6.2F);
  add({{-24, -26, 88}, {-6, -38, 88}, {18, -36, 98}, {33, -30, 112}, {36, -16, 175}}, 6);
  add({{-29, -30, 105}, {-60, -38, 112}, {-110, -24, 112}, {-150, -4, 112}}, 5);
  add({{33, -30, 112}, {62, -38, 112}, {110, -24, 112}, {150, -4, 112}}, 5);
  add({{-4, -10, 72}, {-14, -12, 95}, {-22, -8, 120}, {-25, -10, 175}}, 4.6F);
  add({{5, -2, 74}, {14, -6, 100}, {22, -8, 130}, {25, -10, 175}}, 3.9F);
  add({{14, 11, 74}, {22, 8, 100}, {40, -4, 122}, {80, -12, 118}, {150, 2, 106}}, 4.3F);
  add({{-22, -8, 112}, {-40, -4, 122}, {-80, -12, 118}, {-150, 2, 106}}, 4.3F);
  return forest(std::move(parts));
}

/// The veins that lead from the lungs to the left atrium, outside of the lungs.
Solid left_atrium_inflow(const Anatomy& a) {
  const Thorax& t = a.thorax;
  const Point atrium = t.place(0, 6, -16);
  std::vector<Segment> parts;
  for (const Side side : kSides) {
    const Point hilum = side == Side::left ? a.left_hilum : a.right_hilum;
    parts.push_back({atrium, hilum + t.place(-sign_of(side) * 6, -6, -22), 7.5F, 5});
  }
  return forest(std::move(parts));
}

Solid inferior_vena_cava(const Anatomy& a) {
  const Thorax& t = a.thorax;
  return tube(
      {t.place(-18, 0, -30), t.place(-24, 6, -70), t.place(-20, 14, -120), t.place(-17, 22, -210)},
      {11, 11.5F, 11, 10.5F});
}

Layers gullet(const Anatomy& a) {
  Layers layers;
  layers.push_back(layer_of(solid_of(a.oesophagus), Tissue::organ, 38));
  Branch lumen = a.oesophagus;
  for (std::size_t i = 0; i < lumen.path.size(); ++i) {
    // Air collects here and there, in front of the middle.
    const float here = value_noise(0, 0, lumen.path[i].z / 26, a.seed + 7);
    lumen.radii[i] = here > 0.25F ? 2.6F * here : 0.2F;
    lumen.path[i].y -= 1;
  }
  layers.push_back(layer_of(solid_of(lumen), Tissue::airway, -850));
  return layers;
}

Layers thyroid(const Anatomy& a) {
  const Thorax& t = a.thorax;
  std::vector<Solid> lobes;
  for (const Side side : kSides) {
    lobes.push_back(
        ellipsoid(t.place(sign_of(side) * 16, -10, 142), Point{8.5F, 9, 20} * t.height));
  }
  lobes.push_back(ellipsoid(t.place(0, -20, 136), {14, 4, 7}));
  return {layer_of(united(std::move(lobes), 4), Tissue::organ, 95, 10, 4)};
}

}  // namespace

Layers paint_mediastinum(const Anatomy& a) {
  Layers layers = heart(a);
  const float blood = a.blood_hu;
  std::vector<Solid> coronaries;
  for (const Branch& b : a.coronaries) coronaries.push_back(solid_of(b));
  layers.push_back(layer_of(united(std::move(coronaries)), Tissue::vessel, blood));
  layers.push_back(layer_of(inferior_vena_cava(a), Tissue::vessel, blood));
  layers.push_back(layer_of(left_atrium_inflow(a), Tissue::vessel, blood));
  layers.push_back(layer_of(upper_vessels(a), Tissue::vessel, blood));
  layers.push_back(layer_of(solid_of(a.superior_vena_cava), Tissue::vessel, blood));
  const Solid pulmonary = united({solid_of(a.pulmonary_trunk), solid_of(a.left_pulmonary_artery),
                                  solid_of(a.right_pulmonary_artery)},
                                 3);
  const Solid aorta =
      united({solid_of(a.ascending_aorta), solid_of(a.aortic_arch), solid_of(a.descending_aorta)});
  layers.push_back(layer_of(pulmonary, Tissue::vessel, kWall));
  layers.push_back(layer_of(grown(pulmonary, -1), Tissue::vessel, blood));
  layers.push_back(layer_of(aorta, Tissue::vessel, kWall));
  layers.push_back(layer_of(grown(aorta, -1.4F), Tissue::vessel, blood));
  for (Layer& layer : gullet(a)) layers.push_back(std::move(layer));
  for (Layer& layer : thyroid(a)) layers.push_back(std::move(layer));
  return layers;
}

}  // namespace ctclip::phantom
