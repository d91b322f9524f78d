#include "phantom/render.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <utility>

#include "phantom/noise_row.h"

namespace ctclip::phantom {
namespace {

constexpr int64_t kTile = 64;                        // columns and rows of what one thread takes
constexpr std::array<int64_t, 3> kLeaf = {4, 4, 4};  // voxels below which nothing is split
constexpr float kSmooth = 0.04F;  // voxels by which a surface may bend in a leaf and count as flat

/// A layer within a block; `full` where the block lies in it entirely.
struct Active {
  const Layer* layer = nullptr;
  const Solid* solid = nullptr;
  bool full = false;
};

/// Voxels [low, high) along x, y, z.
struct Block {
  std::array<int64_t, 3> low, high;
  int64_t size(std::size_t axis) const { return high[axis] - low[axis]; }
};

/// Distances within a block by those at its corners, where that is as good as asking the solid:
/// most surfaces hardly bend within a few millimetres.
class Corners {
 public:
  Corners(const Solid& solid, Point low, Point high, float tolerance);
  bool good() const { return good_; }
  /// Distances at the two ends of a row; y and z from 0 to 1.
  std::pair<float, float> row(float y, float z) const {
    const auto between = [](float a, float b, float t) { return a + t * (b - a); };
    const auto end = [&](std::size_t x) {
      return between(between(at_[x], at_[x + 2], y), between(at_[x + 4], at_[x + 6], y), z);
    };
    return {end(0), end(1)};
  }

 private:
  std::array<float, 8> at_;  // x fastest
  bool good_ = false;
};

Corners::Corners(const Solid& solid, Point low, Point high, float tolerance) {
  const auto place = [&](Point t) {
    return Point{low.x + t.x * (high.x - low.x), low.y + t.y * (high.y - low.y),
                 low.z + t.z * (high.z - low.z)};
  };
  const auto off = [&](Point t) {
    const auto [from, to] = row(t.y, t.z);
    return std::abs(from + t.x * (to - from) - solid.distance(place(t)));
  };
  for (unsigned i = 0; i < 8; ++i) {
    const Point corner{static_cast<float>(i & 1), static_cast<float>(i >> 1 & 1),
                       static_cast<float>(i >> 2)};
    at_[i] = solid.distance(place(corner));
  }
  constexpr Point kProbes[] = {{0.5F, 0.5F, 0.5F},
                               {0.3F, 0.7F, 0.3F},
                               {0.7F, 0.3F, 0.7F},
                               {0.3F, 0.3F, 0.7F},
                               {0.7F, 0.7F, 0.3F}};
  good_ = std::all_of(std::begin(kProbes), std::end(kProbes),
                      [&](Point t) { return off(t) < tolerance; });
}

/// HU of a layer's material along one row.
class MaterialRow {
 public:
  MaterialRow(const Layer& layer, float y, float z)
      : layer_(layer),
        base_(layer.material.hu + layer.material.gradient * y),
        scale_(1 / layer.material.texture_mm),
        noise_(y * scale_, z * scale_, layer.material.seed),
        y_(y),
        z_(z) {}

  float operator()(float x) {
    if (layer_.pattern) return layer_.pattern({x, y_, z_});
    if (layer_.material.texture == 0) return base_;
    return base_ + layer_.material.texture * noise_(x * scale_);
  }
  bool uniform() const { return !layer_.pattern && layer_.material.texture == 0; }

 private:
  const Layer& layer_;
  float base_, scale_;
  NoiseRow noise_;
  float y_, z_;
};

class Renderer {
 public:
  Renderer(const Lattice& lattice, std::vector<float>& hu)
      : lattice_(lattice),
        hu_(hu),
        tissue_(hu.size(), Tissue::air),
        band_(std::max({lattice.spacing.x, lattice.spacing.y, lattice.spacing.z}) / 2),
        flat_(std::abs(lattice.spacing.z / lattice.spacing.x - 1) < 0.15F) {}

  void render(const Block& block, const std::vector<Active>& from);

 private:
  Point centre_of(int64_t x, int64_t y, int64_t z) const {
    const auto &o = lattice_.origin, &s = lattice_.spacing;
    return {o.x + s.x * static_cast<float>(x), o.y + s.y * static_cast<float>(y),
            o.z + s.z * static_cast<float>(z)};
  }
  std::size_t index(int64_t x, int64_t y, int64_t z) const {
    return static_cast<std::size_t>((z * lattice_.rows + y) * lattice_.columns + x);
  }
  void split(const Block& block, const std::vector<Active>& active);
  void paint(const Block& block, const Active& active);
  void paint_row(const Active& active, int64_t y, int64_t z, int64_t x, int64_t end);
  void paint_flat(const Block& block, const Layer& layer, const Corners& corners);
  int64_t fill(const Layer& layer, MaterialRow& material, std::size_t i, float x, int64_t count);
  void mix(const Layer& layer, MaterialRow& material, std::size_t i, float x, float coverage);
  float coverage(const Layer& layer, const Solid& solid, Point p, float distance) const;
  float coverage(const Layer& layer, float distance, float normal_z) const;

  const Lattice& lattice_;
  std::vector<float>& hu_;
  std::vector<Tissue> tissue_;
  float band_;  // mm on either side of a surface in which a voxel may be cut by it
  bool flat_;   // voxels are nearly cubes: the direction of a surface doesn't matter
};

void Renderer::render(const Block& block, const std::vector<Active>& from) {
  const Point low = centre_of(block.low[0], block.low[1], block.low[2]);
  const Point high = centre_of(block.high[0] - 1, block.high[1] - 1, block.high[2] - 1);
  const Point centre = (low + high) * 0.5F;
  const float radius = length(high - low) / 2;
  const Box box = Box{low, high}.grown(band_);
  std::vector<Active> active;
  std::deque<Solid> solids;  // a deque, since `active` points into it
  bool cut = false;
  for (Active a : from) {
    if (!a.full) {
      if (!a.solid->bounds.overlaps(box)) continue;
      const float distance = a.solid->distance(centre);
      if (distance > radius + band_) continue;
      a.full = distance < -(radius + band_ + a.layer->softness);
      if (!a.full && a.solid->local) {
        a.solid = &solids.emplace_back(a.solid->local(centre, radius + band_));
      }
    }
    const bool hides =
        a.full && a.layer->blend == Blend::replace && a.layer->only_on == kEverything;
    if (hides) active.clear();
    active.push_back(a);
  }
  for (const Active& a : active) cut = cut || !a.full;
  if (active.empty()) return;
  const bool small =
      block.size(0) <= kLeaf[0] && block.size(1) <= kLeaf[1] && block.size(2) <= kLeaf[2];
  if (cut && !small) return split(block, active);
  for (const Active& a : active) paint(block, a);
}

/// Halves the axis that is longest in leaves.
void Renderer::split(const Block& block, const std::vector<Active>& active) {
  std::size_t axis = 0;
  for (std::size_t i = 1; i < 3; ++i) {
    if (block.size(i) * kLeaf[axis] > block.size(axis) * kLeaf[i]) axis = i;
  }
  const int64_t leaves = (block.size(axis) + kLeaf[axis] - 1) / kLeaf[axis];
  const int64_t middle = block.low[axis] + (leaves + 1) / 2 * kLeaf[axis];
  Block lower = block, upper = block;
  lower.high[axis] = upper.low[axis] = middle;
  render(lower, active);
  render(upper, active);
}

void Renderer::paint(const Block& block, const Active& active) {
  if (!active.full) {
    const Corners corners(*active.solid, centre_of(block.low[0], block.low[1], block.low[2]),
                          centre_of(block.high[0] - 1, block.high[1] - 1, block.high[2] - 1),
                          kSmooth * lattice_.spacing.x);
    if (corners.good()) return paint_flat(block, *active.layer, corners);
  }
  for (int64_t z = block.low[2]; z < block.high[2]; ++z) {
    for (int64_t y = block.low[1]; y < block.high[1]; ++y) {
      paint_row(active, y, z, block.low[0], block.high[0]);
    }
  }
}

void Renderer::paint_flat(const Block& block, const Layer& layer, const Corners& corners) {
  const auto step = [&](std::size_t axis) {
    return 1 / static_cast<float>(std::max<int64_t>(block.size(axis) - 1, 1));
  };
  const float step_x = step(0), step_y = step(1), step_z = step(2);
  const float per_z = step_z / lattice_.spacing.z;
  for (int64_t z = block.low[2]; z < block.high[2]; ++z) {
    for (int64_t y = block.low[1]; y < block.high[1]; ++y) {
      const float v = static_cast<float>(y - block.low[1]) * step_y;
      const auto [from, to] = corners.row(v, static_cast<float>(z - block.low[2]) * step_z);
      if (from > band_ && to > band_) continue;
      const float normal_z = (corners.row(v, 1).first - corners.row(v, 0).first) * per_z;
      const Point start = centre_of(block.low[0], y, z);
      MaterialRow material(layer, start.y, start.z);
      for (int64_t x = 0; x < block.size(0); ++x) {
        const auto along = static_cast<float>(x);
        const float part = coverage(layer, from + along * step_x * (to - from), normal_z);
        if (part <= 0) continue;
        mix(layer, material, index(block.low[0] + x, y, z), start.x + along * lattice_.spacing.x,
            part);
      }
    }
  }
}

/// Walks along a row; a distance says how many voxels ahead lie wholly inside or outside as well.
void Renderer::paint_row(const Active& active, int64_t y, int64_t z, int64_t x, int64_t end) {
  const Layer& layer = *active.layer;
  Point p = centre_of(x, y, z);
  MaterialRow material(layer, p.y, p.z);
  const float step = lattice_.spacing.x, inside = band_ + layer.softness;
  if (active.full) {
    fill(layer, material, index(x, y, z), p.x, end - x);
    return;
  }
  while (x < end) {
    p.x = lattice_.origin.x + step * static_cast<float>(x);
    const float distance = active.solid->distance(p);
    if (distance > band_) {
      x += 1 + static_cast<int64_t>((distance - band_) / step);
    } else if (distance < -inside) {
      const int64_t count = 1 + static_cast<int64_t>((-inside - distance) / step);
      x += fill(layer, material, index(x, y, z), p.x, std::min(count, end - x));
    } else {
      const float part = coverage(layer, *active.solid, p, distance);
      if (part > 0) mix(layer, material, index(x, y, z), p.x, part);
      ++x;
    }
  }
}

int64_t Renderer::fill(const Layer& layer, MaterialRow& material, std::size_t i, float x,
                       int64_t count) {
  if (layer.blend == Blend::replace && layer.only_on == kEverything) {
    const auto n = static_cast<std::size_t>(count);
    std::fill_n(tissue_.begin() + static_cast<std::ptrdiff_t>(i), n, layer.material.tissue);
    if (material.uniform()) {
      std::fill_n(hu_.begin() + static_cast<std::ptrdiff_t>(i), n, material(x));
    } else {
      for (std::size_t k = 0; k < n; ++k) {
        hu_[i + k] = material(x + lattice_.spacing.x * static_cast<float>(k));
      }
    }
    return count;
  }
  for (int64_t k = 0; k < count; ++k) {
    mix(layer, material, i + static_cast<std::size_t>(k),
        x + lattice_.spacing.x * static_cast<float>(k), 1);
  }
  return count;
}

void Renderer::mix(const Layer& layer, MaterialRow& material, std::size_t i, float x,
                   float coverage) {
  if ((layer.only_on & mask_of(tissue_[i])) == 0) return;
  if (layer.blend == Blend::add) {
    hu_[i] += coverage * material(x);
    return;
  }
  hu_[i] += coverage * (material(x) - hu_[i]);
  if (coverage > 0.5F) tissue_[i] = layer.material.tissue;
}

/// The part of the voxel that a plane at this distance cuts off, as a ramp as wide as the voxel's
/// shadow along the normal spreads: sqrt(sum (n_i s_i)^2) has the same variance as the shadow
/// itself.
float Renderer::coverage(const Layer& layer, float distance, float normal_z) const {
  if (layer.softness > 0) return std::clamp(-distance / layer.softness, 0.0F, 1.0F);
  const auto& s = lattice_.spacing;
  if (flat_) return std::clamp(0.5F - distance / s.x, 0.0F, 1.0F);
  const float square = std::min(normal_z * normal_z, 1.0F);
  const float width = std::sqrt((1 - square) * s.x * s.x + square * s.z * s.z);
  return std::clamp(0.5F - distance / width, 0.0F, 1.0F);
}

float Renderer::coverage(const Layer& layer, const Solid& solid, Point p, float distance) const {
  if (flat_ || layer.softness > 0) return coverage(layer, distance, 0);
  const float quarter = lattice_.spacing.z / 4;
  const float above = solid.distance({p.x, p.y, p.z + quarter});
  const float below = solid.distance({p.x, p.y, p.z - quarter});
  return coverage(layer, (above + below) / 2, (above - below) / (2 * quarter));
}

}  // namespace

Slab render(const Scene& scene, const Lattice& lattice, ThreadPool& pool, Watch& watch) {
  constexpr float kAir = -1000;
  Slab slab{lattice, {}};
  slab.hu.assign(static_cast<std::size_t>(lattice.columns * lattice.rows * lattice.slices), kAir);
  Renderer renderer(lattice, slab.hu);
  std::vector<Active> all;
  for (const Layer& layer : scene.layers) all.push_back({&layer, &layer.solid, false});
  const int64_t across = (lattice.columns + kTile - 1) / kTile;
  const int64_t down = (lattice.rows + kTile - 1) / kTile;
  pool.run(across * down, [&](int64_t tile) {
    watch.check();
    const int64_t x = tile % across * kTile, y = tile / across * kTile;
    renderer.render(
        {{x, y, 0},
         {std::min(x + kTile, lattice.columns), std::min(y + kTile, lattice.rows), lattice.slices}},
        all);
  });
  return slab;
}

}  // namespace ctclip::phantom
