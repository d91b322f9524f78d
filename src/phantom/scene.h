#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "phantom/random.h"

namespace ctclip::phantom {

/// A point in patient coordinates (LPS: left, back, head), mm, float32: what voxels are computed
/// in.
struct Point {
  float x = 0, y = 0, z = 0;
};
inline Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Point operator*(Point a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline float dot(Point a, Point b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
float length(Point a);

struct Box {
  Point low, high;  ///< mm; empty where low > high on an axis
  Box grown(float margin) const;
  bool overlaps(const Box& other) const;
  static Box around(Point centre, Point half_sizes);
  static Box joined(const Box& a, const Box& b);
};

/// A solid by its signed distance in mm, negative inside. `distance` never says more than the true
/// distance to the surface (Lipschitz constant 1), because the renderer skips whole blocks of
/// voxels by it. Outside `bounds` the renderer doesn't ask, but a solid made of several does, so it
/// must hold everywhere. It may be called from any thread.
struct Solid {
  Box bounds;
  std::function<float(Point)> distance;
  /// Optional: a cheaper solid with the same distances within `radius` of `centre`. What is made of
  /// many parts leaves out those that can't be the nearest there.
  std::function<Solid(Point centre, float radius)> local = {};
};

/// `solid` as it is within the ball: itself where it has no `local`.
Solid localised(const Solid& solid, Point centre, float radius);

Solid ellipsoid(Point centre, Point radii);
Solid capsule(Point from, Point to, float radius_from, float radius_to);
/// A chain of capsules: vessels, ribs, oesophagus. `radii` has one radius a point.
Solid tube(std::vector<Point> path, std::vector<float> radii);
/// A round cone between two points.
struct Segment {
  Point from, to;
  float radius_from = 0, radius_to = 0;
};
/// Thousands of segments in one solid: a whole tree. Cheaper than `united` of tubes.
Solid forest(std::vector<Segment> segments);
Solid box(const Box& box, float rounding);
/// All that lies on one side of a plane: `normal` (of length 1) points out of it. Its bounds are
/// everything.
Solid half_space(Point on_plane, Point normal);
/// A column along z whose cross section changes with height: superellipses.
struct Section {
  float z = 0, centre_x = 0, centre_y = 0, radius_x = 0, radius_y = 0;
};
/// Sections from low to high z, joined smoothly and cut off flat at both ends. `squareness` 0:
/// ellipses; 1: nearly rectangles. Far from a side that leans, distances change faster than places
/// do, yet are never more than the true ones.
Solid loft(std::vector<Section> sections, float squareness);
Solid united(std::vector<Solid> parts,
             float blend = 0);  ///< blend: mm over which joints are rounded
Solid intersected(Solid a, Solid b, float blend = 0);
Solid without(Solid a, Solid b, float blend = 0);
Solid shifted(const Solid& a, Point by);
Solid grown(const Solid& a, float by);  ///< mm; negative: shrunk
/// Stretched from the origin by factors >= 1; distances along a stretched axis are understated.
Solid stretched(const Solid& a, Point factors);
/// Turned about `pivot`: by `degrees` about the axis 0 (x), 1 (y) or 2 (z), from the next axis
/// towards the one after.
Solid turned(const Solid& a, Point pivot, int axis, float degrees);
/// The surface moved in and out by smooth noise: organic outlines.
Solid roughened(const Solid& a, float amplitude, float wavelength, uint64_t seed);

/// What a voxel is, for layers that may only change some of it ("only lung parenchyma").
enum class Tissue : uint8_t {
  air,
  fat,
  muscle,
  skin,
  bone,
  marrow,
  lung,
  airway,
  vessel,
  heart,
  organ,
  fluid,
  lesion,
  table,
  metal
};
using TissueMask = uint32_t;
constexpr TissueMask mask_of(Tissue t) { return 1U << static_cast<unsigned>(t); }
inline constexpr TissueMask kEverything = ~TissueMask{0};

/// What a layer puts down. HU = hu + texture * value_noise(p / texture_mm) [+ gradient * y]
struct Material {
  Tissue tissue = Tissue::muscle;
  float hu = 0;
  float texture = 0;     ///< HU, amplitude of a smooth texture
  float texture_mm = 8;  ///< its wavelength
  float gradient = 0;    ///< HU for each mm towards the back (gravity in a supine lung)
  uint64_t seed = 0;
};

/// How a layer meets what is below it. `replace`: coverage mixes HU linearly (partial volume) and
/// the tissue changes where coverage is over a half. `add`: hu is added, tissue stays (ground
/// glass, emphysema, mosaic attenuation).
enum class Blend { replace, add };

struct Layer {
  Solid solid;
  Material material;
  Blend blend = Blend::replace;
  TissueMask only_on = kEverything;  ///< voxels of other tissues are left alone
  float softness = 0;  ///< mm over which the layer fades in from its surface inwards; 0: sharp
  /// Optional: overrides the material's HU at a point (patterns: reticulation, honeycomb, ...).
  std::function<float(Point)> pattern;
};

/// Layers in the order in which they are painted, later over earlier.
struct Scene {
  std::vector<Layer> layers;
};

}  // namespace ctclip::phantom
