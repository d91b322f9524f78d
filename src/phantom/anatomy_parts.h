#pragma once

#include <array>
#include <vector>

#include "phantom/anatomy.h"

// How a person is drawn and painted, part by part; anatomy.h is what other rooms use. Places are in
// mm for an ordinary chest (Thorax::place), so that numbers in the code read as in an atlas.

namespace ctclip::phantom {

// Drawn in this order: later parts look up earlier ones.
void draw_habitus(Anatomy& anatomy, const Random& random);
void draw_skeleton(Anatomy& anatomy, const Random& random);
void draw_mediastinum(Anatomy& anatomy, const Random& random);
void draw_lungs(Anatomy& anatomy);
void draw_trees(Anatomy& anatomy, const Random& random);

using Layers = std::vector<Layer>;
Layers paint_body(const Anatomy& anatomy);
Layers paint_skeleton(const Anatomy& anatomy);
Layers paint_mediastinum(const Anatomy& anatomy);
Layers paint_upper_abdomen(const Anatomy& anatomy);
Layers paint_lungs(const Anatomy& anatomy);
Layers paint_lung_vessels(const Anatomy& anatomy);
Layers paint_airways(const Anatomy& anatomy);
Layers paint_table(const Anatomy& anatomy);

/// Spine and the muscles beside it: what pushes lungs and belly aside at the back.
Solid spinal_room(const Anatomy& anatomy);
/// The humerus, from its head over a bend to past the scan; beside the body or beside the head.
std::array<Point, 3> upper_arm(const Anatomy& anatomy, Side side);
/// mm, with muscle and fat.
float arm_radius(const Anatomy& anatomy);
/// A layer that replaces what is below it.
Layer layer_of(Solid solid, Tissue tissue, float hu, float texture = 0, float texture_mm = 8);
/// +1 for the left, which is where x grows to.
inline float sign_of(Side side) { return side == Side::left ? 1.0F : -1.0F; }
inline constexpr Side kSides[] = {Side::left, Side::right};
/// A smooth path through a few points, `steps` pieces between two.
std::vector<Point> smooth_path(const std::vector<Point>& through, int steps);

}  // namespace ctclip::phantom
