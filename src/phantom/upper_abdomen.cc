// What the diaphragm lies on.

#include <algorithm>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
namespace {

/// Under the dome, inside the cage and before the spine, `inset` mm from each.
Solid under(const Anatomy& a, Side side, float inset) {
  const Solid room =
      intersected(grown(below_dome(a, side), -inset), a.thorax.cage(side, -inset), 6);
  return without(room, grown(spinal_room(a), inset), 6);
}

Solid liver(const Anatomy& a) {
  const Thorax& t = a.thorax;
  // The lower edge: liver is thick on the right and ends to the left in front.
  const Solid right = intersected(under(a, Side::right, 0.8F),
                                  half_space(t.place(-60, 0, -215), {0.25F, 0.3F, -0.92F}), 10);
  const Solid left =
      ellipsoid(t.place(8, -44, a.right_dome.z / t.height - 44), Point{66, 34, 36} * t.width);
  return without(united({right, roughened(left, 2, 30, a.seed + 11)}, 14),
                 ellipsoid(t.place(-8, 38, -130), t.place(34, 40, 66)), 8);
}

}  // namespace

Layers paint_upper_abdomen(const Anatomy& a) {
  const Thorax& t = a.thorax;
  Layers layers;
  const Solid domes = united({below_dome(a, Side::left), below_dome(a, Side::right)}, 8);
  const Solid inside =
      without(united({t.cage(Side::left, 2), t.cage(Side::right, 2)}, 20), spinal_room(a), 4);
  layers.push_back(layer_of(intersected(domes, inside), Tissue::muscle, 48));
  layers.push_back(
      layer_of(intersected(grown(domes, -3), grown(inside, -3)), Tissue::fat, -102, 8, 9));
  layers.push_back(layer_of(liver(a), Tissue::organ, 56, 5, 12));
  const Point under_left = a.left_dome;
  const Point spleen = under_left + t.place(30, 46, -52);
  layers.push_back(
      layer_of(intersected(roughened(ellipsoid(spleen, t.place(28, 44, 46)), 2, 25, a.seed + 12),
                           under(a, Side::left, 4), 4),
               Tissue::organ, 50, 4, 10));
  const Point stomach = under_left + t.place(-4, -10, -44);
  const Solid bag = intersected(turned(ellipsoid(stomach, t.place(44, 38, 56)), stomach, 1, 15),
                                under(a, Side::left, 2.6F), 6);
  layers.push_back(layer_of(bag, Tissue::organ, 40));
  layers.push_back(layer_of(grown(bag, -3), Tissue::fluid, 22, 14, 9));
  // Lying on the back, gas is in front above a level surface.
  const Solid gas = half_space(stomach + t.place(0, -8, 0), {0, 1, 0});
  layers.push_back(layer_of(intersected(grown(bag, -3), gas), Tissue::air, -985));
  for (const Side side : kSides) {
    const Point kidney = t.place(sign_of(side) * 54, 46, side == Side::left ? -176 : -190);
    layers.push_back(
        layer_of(roughened(ellipsoid(kidney, t.place(25, 24, 48)), 1.5F, 20, a.seed + 13),
                 Tissue::organ, a.blood_hu > 100 ? 120.0F : 32.0F, 4, 8));
  }
  return layers;
}

}  // namespace ctclip::phantom
