#pragma once

#include <functional>

#include "phantom/anatomy.h"

namespace ctclip::phantom {

/// The smallest box around the solid, to about 1 mm: its `bounds` may be generous.
Box tight_box(const Solid& solid);

/// 0 below `from`, 1 above `to` (or the other way round where from > to), smooth between.
float fade(float value, float from, float to);

/// The part of `lung` that is left free when the lung draws back from its wall: points which `pull`
/// takes out of the lung. `stretch` is 1 + the largest slope of `pull` (mm for each mm), which
/// keeps the distance honest. Films under 2 mm are left out.
Solid drawn_back(const Solid& lung, const std::function<Point(Point)>& pull, float stretch);

/// A layer on the inside of `lung`'s surface, `thickness(p)` mm deep; `slope`: largest of
/// thickness.
Solid lining(const Solid& lung, const std::function<float(Point)>& thickness, float slope);

/// Where smooth noise is over `threshold` (-1..1), within `bounds`: streaks and blobs without
/// order.
Solid blobs(const Box& bounds, float wavelength, float threshold, uint64_t seed);

/// A lump of overlapping balls, 2 * `radius` mm along the longest edge of its box.
Solid lobulated(Point centre, float radius, int lobes, Random& random);

/// A ball with unequal axes (up to 20 %), its largest one `radius`.
Solid ovoid(Point centre, float radius, Random& random);

Point random_direction(Random& random);

/// Foam of cells about `cell` mm wide: 1 on the walls between them (`wall` mm thick), 0 inside.
float foam(Point at, float cell, float wall, uint64_t seed);

/// A number in [0, 1) that is the same all over one cell of the foam (secondary lobules).
float foam_cell(Point at, float cell, uint64_t seed);

/// Balls scattered one in a cube of `cell` mm, a `share` of the cubes filled, radii between the
/// two: 1 inside, 0 outside, faded over a millimetre. radius_high <= cell / 2.
struct Scatter {
  float cell = 8, radius_low = 1, radius_high = 3;
  uint64_t seed = 0;
};
float scattered(Point at, const Scatter& scatter, float share);

}  // namespace ctclip::phantom
