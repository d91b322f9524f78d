#pragma once

#include <vector>

#include "base/parallel.h"
#include "base/watch.h"
#include "phantom/scene.h"

namespace ctclip::phantom {

/// A lattice of voxels: `origin` is the centre of voxel (0, 0, 0); x runs fastest, towards the
/// left.
struct Lattice {
  int64_t columns = 512, rows = 512, slices = 1;
  Point origin;
  Point spacing;  ///< mm between columns, rows, slices
};

/// HU of one slab, (slices, rows, columns), float32.
struct Slab {
  Lattice lattice;
  std::vector<float> hu;
};

/// Paints the scene into one slab. Coverage at a surface is that of a plane through the voxel, from
/// the signed distance. The caller asks for slab after slab, so memory is one slab's.
Slab render(const Scene& scene, const Lattice& lattice, ThreadPool& pool, Watch& watch);

}  // namespace ctclip::phantom
