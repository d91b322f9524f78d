// What the bones look like.

#include <algorithm>
#include <cmath>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
namespace {

constexpr float kCortex = 620;  // HU
constexpr float kCortexMm = 1.4F;

/// The body between its end plates: a waisted column cut by two planes, the upper of which comes
/// down in front when the front is lower.
Solid body_of(const Vertebra& v) {
  const float half = v.height / 2, x = v.width / 2, y = v.depth / 2;
  const float z = v.centre.z;
  const std::vector<Section> sections = {{z - half - 4, v.centre.x, v.centre.y, x, y},
                                         {z - half, v.centre.x, v.centre.y, x, y},
                                         {z, v.centre.x, v.centre.y, x * 0.91F, y * 0.93F},
                                         {z + half, v.centre.x, v.centre.y, x, y},
                                         {z + half + 4, v.centre.x, v.centre.y, x, y}};
  const float slope = (v.height - v.height_front) / v.depth;
  const float scale = 1 / std::sqrt(1 + slope * slope);
  const Solid upper =
      half_space({v.centre.x, v.centre.y + y, z + half}, {0, -slope * scale, scale});
  const Solid lower = half_space({v.centre.x, v.centre.y, z - half}, {0, 0, -1});
  return intersected(intersected(loft(sections, 0.25F), upper, 3), lower, 3);
}

/// Pedicles, laminae, facets, transverse and spinous processes.
std::vector<Segment> arch_of(const Vertebra& v) {
  const Point c = v.centre;
  const float back = c.y + v.depth / 2, canal = back + 15;
  const float up = c.z + v.height * 0.22F;
  const bool lumbar = v.number > 12, neck = v.number < 1;
  std::vector<Segment> parts;
  for (const float s : {-1.0F, 1.0F}) {
    const Point root{c.x + s * v.width * 0.34F, back - 3, up},
        facet{c.x + s * 14, canal - 3, up - 2};
    const Point crest{c.x, canal + 4, up - 9};
    const float reach =
        lumbar || neck ? 30.0F : 33 - 1.4F * static_cast<float>(std::max(v.number - 6, 0));
    parts.push_back({root, facet, 4, 4.6F});
    parts.push_back({facet, crest, 3.6F, 3.6F});
    parts.push_back(
        {{facet.x, facet.y, facet.z - 12}, {facet.x, facet.y - 1, facet.z + 8}, 4.2F, 3.8F});
    parts.push_back({facet, {c.x + s * reach, canal + (lumbar ? -4.0F : 2.0F), up + 2}, 4, 3.6F});
  }
  const float drop = lumbar ? 8.0F : neck ? 12.0F : 24.0F;
  parts.push_back({{c.x, canal + 3, up - 8},
                   {c.x, canal + (lumbar ? 30.0F : 25.0F), up - 6 - drop},
                   3.4F,
                   3.8F});
  return parts;
}

Solid spine_column(const Anatomy& a, float wider) {
  std::vector<Section> sections;
  for (auto v = a.spine.rbegin(); v != a.spine.rend(); ++v) {
    sections.push_back(
        {v->centre.z, v->centre.x, v->centre.y, v->width / 2 + wider, v->depth / 2 + wider});
  }
  return loft(std::move(sections), 0.25F);
}

Solid canal(const Anatomy& a) {
  Branch canal;
  for (const Vertebra& v : a.spine) {
    canal.path.push_back(v.centre + Point{0, v.depth / 2 + 7.5F, 0});
    canal.radii.push_back(7.6F);
  }
  return solid_of(canal);
}

/// Ribs are flat: two tubes, one above the other.
std::vector<Segment> flat_rib(const Rib& rib, float inset) {
  const float half = 2.2F - inset * 0.6F;
  std::vector<Segment> parts;
  const auto& path = rib.arc.path;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    for (const float up : {-half, half}) {
      const Point by{0, 0, up};
      parts.push_back(
          {path[i] + by, path[i + 1] + by, rib.arc.radii[i] - inset, rib.arc.radii[i + 1] - inset});
    }
  }
  return parts;
}

/// From the ends of the ribs to the sternum, those of 8 to 10 to the cartilage above.
std::vector<Segment> cartilage(const Anatomy& a) {
  std::vector<Segment> parts;
  Point above[2];
  for (const Rib& rib : a.ribs) {
    if (rib.number > 10 || rib.stump) continue;
    const Point end = rib.arc.path.back();
    Point& last = above[rib.side == Side::left ? 0 : 1];
    const float level = std::min(static_cast<float>(rib.number - 1) * 1.28F, 8.0F);
    const Point bone = a.sternum.path[static_cast<std::size_t>(level)];
    const Point to = rib.number > 7 ? last
                                    : Point{sign_of(rib.side) * (rib.number < 3 ? 21.0F : 14.0F),
                                            bone.y, bone.z + 4};
    const Point middle = (end + to) * 0.5F + Point{0, -7, rib.number > 4 ? -9.0F : -2.0F};
    const auto path = smooth_path({end, middle, to}, 4);
    for (std::size_t i = 0; i + 1 < path.size(); ++i)
      parts.push_back({path[i], path[i + 1], 4.8F, 4.8F});
    last = middle;
  }
  return parts;
}

Solid breast_bone(const Anatomy& a, float inset) {
  std::vector<Section> sections;
  for (std::size_t i = a.sternum.path.size(); i-- > 0;) {
    const Point p = a.sternum.path[i];
    sections.push_back({p.z, p.x, p.y, a.sternum.radii[i] - inset, 6.2F - inset});
  }
  sections.front().z += inset;
  sections.back().z -= inset;
  return loft(std::move(sections), 0.5F);
}

std::vector<Segment> along(const std::vector<Point>& through, float radius) {
  std::vector<Segment> parts;
  const auto path = smooth_path(through, 5);
  for (std::size_t i = 0; i + 1 < path.size(); ++i)
    parts.push_back({path[i], path[i + 1], radius, radius});
  return parts;
}

void append(std::vector<Segment>& to, const std::vector<Segment>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// A triangular plate from the shoulder joint to the medial border, its spine and the two processes
/// above.
std::vector<Segment> shoulder_blade(const Anatomy& a, Side side) {
  const Thorax& t = a.thorax;
  const float s = sign_of(side), lift = a.arms_up ? 14.0F : 0.0F, out = a.arms_up ? 10.0F : 0.0F;
  const Point joint = t.place(s * 143, 14, 84 + lift);
  std::vector<Segment> parts;
  constexpr int kRays = 34;  // close enough to touch: a plate
  Point last{};
  for (int i = 0; i <= kRays; ++i) {
    const float down = static_cast<float>(i) / kRays;
    const Point border =
        t.wall(side, 66 - out - 14 * down * down, (96 - 116 * down) * t.height, 17);
    parts.push_back({joint, border, 2.6F, 1.7F});
    if (i > 0) parts.push_back({last, border, 3, 3});
    last = border;
  }
  parts.push_back({joint, last, 5, 3.4F});
  const Point tip = t.place(s * 158, 28, 118 + lift);
  const Point root = t.wall(side, 66 - out, 66 * t.height, 22);
  append(parts,
         along({root, (root + tip) * 0.5F + Point{0, 12, 4}, tip, t.place(s * 160, 0, 120 + lift)},
               4));
  append(parts,
         along({joint, t.place(s * 128, -4, 102 + lift), t.place(s * 128, -28, 100 + lift)}, 5));
  parts.push_back({joint, joint + Point{s * 4, -1, 0}, 12, 14});
  return parts;
}

std::vector<Segment> collar_bone(const Anatomy& a, Side side) {
  const Thorax& t = a.thorax;
  const float s = sign_of(side), lift = a.arms_up ? 12.0F : 0.0F;
  const Point inner = a.sternum.path.front() + Point{s * 22, -1, 2};
  return along({inner, t.place(s * 62, -56, 103), t.place(s * 108, -30, 113 + lift / 2),
                t.place(s * 150, -2, 118 + lift)},
               5.6F);
}

Solid arm_bones(const Anatomy& a, float inset, float shaft) {
  std::vector<Segment> parts;
  for (const Side side : kSides) {
    const auto [head, bend, end] = upper_arm(a, side);
    const Point neck = head + (bend - head) * 0.6F;
    parts.push_back({head, head, 23 - inset, 23 - inset});
    parts.push_back({head, neck, 17 - inset, shaft});
    parts.push_back({neck, bend, shaft, shaft});
    parts.push_back({bend, end, shaft, shaft});
  }
  return forest(std::move(parts));
}

std::vector<Segment> shrunk(std::vector<Segment> parts, float by) {
  for (Segment& s : parts) {
    s.radius_from -= by;
    s.radius_to -= by;
  }
  std::erase_if(parts,
                [](const Segment& s) { return std::min(s.radius_from, s.radius_to) < 0.5F; });
  return parts;
}

}  // namespace

Layers paint_skeleton(const Anatomy& a) {
  std::vector<Segment> arches, ribs, rib_marrow, flat;
  std::vector<Solid> bodies;
  for (const Vertebra& v : a.spine) {
    bodies.push_back(body_of(v));
    append(arches, arch_of(v));
  }
  for (const Rib& rib : a.ribs) {
    append(ribs, flat_rib(rib, 0));
    append(rib_marrow, flat_rib(rib, 1.3F));
  }
  for (const Side side : kSides) {
    append(flat, shoulder_blade(a, side));
    append(flat, collar_bone(a, side));
  }
  const Solid vertebrae = united(std::move(bodies));
  const float spongy = a.bone_hu;
  Layers layers;
  layers.push_back(layer_of(spine_column(a, -1), Tissue::muscle, 85));
  layers.push_back(layer_of(united({vertebrae, forest(arches)}, 3), Tissue::bone, kCortex, 60, 5));
  layers.push_back(layer_of(grown(vertebrae, -kCortexMm), Tissue::marrow, spongy, 35, 3));
  layers.push_back(layer_of(forest(shrunk(arches, 1.9F)), Tissue::marrow, spongy + 60, 40, 3));
  layers.push_back(layer_of(canal(a), Tissue::fluid, 28));
  layers.push_back(layer_of(forest(cartilage(a)), Tissue::muscle, 105, 30, 6));
  layers.push_back(layer_of(forest(ribs), Tissue::bone, kCortex + 60));
  layers.push_back(layer_of(forest(rib_marrow), Tissue::marrow, spongy - 20, 40, 4));
  layers.push_back(layer_of(breast_bone(a, 0), Tissue::bone, kCortex - 120));
  layers.push_back(layer_of(breast_bone(a, kCortexMm), Tissue::marrow, spongy - 60, 40, 4));
  layers.push_back(
      layer_of(united({forest(flat), arm_bones(a, 0, 12)}), Tissue::bone, kCortex + 120));
  layers.push_back(layer_of(forest(shrunk(flat, 2.2F)), Tissue::marrow, spongy, 40, 4));
  layers.push_back(layer_of(arm_bones(a, 1.4F, 7), Tissue::marrow, spongy - 110, 40, 4));
  return layers;
}

}  // namespace ctclip::phantom
