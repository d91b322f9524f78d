#include "phantom/anatomy.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {

Point Thorax::wall(Side side, float degrees, float z, float outwards) const {
  const float up = (z - centre_z) / radius_z;
  // Towards the apex the cage narrows to the first rib's ring, not to a point.
  const float narrow = std::max(std::sqrt(std::max(1 - up * up, 0.0F)), 0.3F);
  const float angle = degrees * std::numbers::pi_v<float> / 180;
  const float x = offset + (radius_x * narrow + outwards) * std::cos(angle);
  const float y = centre_y + (radius_y * narrow + outwards) * std::sin(angle);
  return {sign_of(side) * x, y, z};
}

Solid Thorax::cage(Side side, float outwards) const {
  return ellipsoid({sign_of(side) * offset, centre_y, centre_z},
                   {radius_x + outwards, radius_y + outwards, radius_z + outwards});
}

float Thorax::spine_y(float z) const {
  const float bend = z > 20 ? 0.0016F : 0.0004F;
  return (54 - bend * (z - 20) * (z - 20)) * depth;
}

Solid solid_of(const Branch& branch, float margin) {
  std::vector<float> radii = branch.radii;
  for (float& radius : radii) radius += margin;
  return tube(branch.path, std::move(radii));
}

Layer layer_of(Solid solid, Tissue tissue, float hu, float texture, float texture_mm) {
  Layer layer;
  layer.solid = std::move(solid);
  layer.material.tissue = tissue;
  layer.material.hu = hu;
  layer.material.texture = texture;
  layer.material.texture_mm = texture_mm;
  return layer;
}

std::vector<Point> smooth_path(const std::vector<Point>& through, int steps) {
  std::vector<Point> path;
  const std::size_t last = through.size() - 1;
  for (std::size_t i = 0; i < last; ++i) {
    const Point b = through[i], c = through[i + 1];
    const Point from = (c - through[i == 0 ? 0 : i - 1]) * 0.5F;
    const Point to = (through[std::min(i + 2, last)] - b) * 0.5F;
    for (int k = 0; k < steps; ++k) {
      const float t = static_cast<float>(k) / static_cast<float>(steps), u = t * t, v = u * t;
      path.push_back(b * (2 * v - 3 * u + 1) + from * (v - 2 * u + t) + c * (3 * u - 2 * v) +
                     to * (v - u));
    }
  }
  path.push_back(through.back());
  return path;
}

void draw_habitus(Anatomy& a, const Random& from) {
  Random random = from.stream("habitus");
  a.female = random.chance(0.45);
  a.arms_up = random.chance(0.85);
  const double size = a.female ? 0.93 : 1.0;
  Thorax& t = a.thorax;
  t.width = static_cast<float>(size * random.bounded(1, 0.05, 2));
  t.depth = static_cast<float>(size * random.bounded(1, 0.06, 2));
  t.height = static_cast<float>(size * random.bounded(1, 0.06, 2));
  t.offset *= t.width;
  t.radius_x *= t.width;
  t.radius_y *= t.depth;
  t.centre_y *= t.depth;
  t.radius_z *= t.height;
  t.centre_z *= t.height;
  a.lung_height = 250 * t.height;
  const double stout = random.uniform();
  a.fat_mm = static_cast<float>(5 + 32 * stout * stout + (a.female ? 4 : 0));
  a.muscle_mm = static_cast<float>(random.bounded(a.female ? 10 : 14, 2, 2));
  a.body_half_width = t.offset + t.radius_x + 12 + a.muscle_mm + a.fat_mm;
  a.body_half_depth = t.radius_y + 13 + 0.6F * a.muscle_mm + a.fat_mm;
  a.bone_hu = static_cast<float>(random.uniform(110, 260));
  a.lung_hu = static_cast<float>(random.bounded(-855, 14, 2));
  a.blood_hu =
      static_cast<float>(random.chance(0.25) ? random.uniform(140, 280) : random.uniform(36, 48));
  a.bottom = -190 * t.height;
  a.top = 168 * t.height;
}

Anatomy draw_anatomy(const Random& random) {
  Anatomy anatomy;
  anatomy.seed = random.stream("anatomy").bits();
  draw_habitus(anatomy, random);
  draw_skeleton(anatomy, random);
  draw_mediastinum(anatomy, random);
  draw_lungs(anatomy);
  draw_trees(anatomy, random);
  return anatomy;
}

Scene paint(const Anatomy& anatomy, std::vector<StagedLayer> findings) {
  std::vector<StagedLayer> all;
  const auto add = [&](Stage stage, Layers layers) {
    for (Layer& layer : layers) {
      // A layer's place in the list keeps the textures of two layers apart.
      layer.material.seed = anatomy.seed + all.size();
      all.push_back({stage, std::move(layer)});
    }
  };
  add(Stage::body, paint_body(anatomy));
  add(Stage::skeleton, paint_skeleton(anatomy));
  add(Stage::mediastinum, paint_upper_abdomen(anatomy));
  add(Stage::mediastinum, paint_mediastinum(anatomy));
  add(Stage::lungs, paint_lungs(anatomy));
  add(Stage::lung_vessels, paint_lung_vessels(anatomy));
  add(Stage::airways, paint_airways(anatomy));
  add(Stage::outside, paint_table(anatomy));
  for (StagedLayer& layer : findings) all.push_back(std::move(layer));
  std::stable_sort(all.begin(), all.end(),
                   [](const StagedLayer& a, const StagedLayer& b) { return a.stage < b.stage; });
  Scene scene;
  for (StagedLayer& staged : all) scene.layers.push_back(std::move(staged.layer));
  return scene;
}

}  // namespace ctclip::phantom
