#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "phantom/render.h"

namespace ctclip::phantom {

enum class Kernel { soft, lung };

/// What voxels outside the circle that the scanner reconstructs hold, where it reconstructs a
/// circle: far below air, as no tissue is.
inline constexpr int16_t kOutsideField = -3024;
/// What a scanner with 12 bits can tell.
inline constexpr int16_t kLowestHu = -1024, kHighestHu = 3071;

/// How the person is scanned.
struct Acquisition {
  double thickness = 1.5;      ///< mm, nominal; slices are averaged over it (partial volume)
  double increment = 1.5;      ///< mm between slices
  double field_of_view = 360;  ///< mm, square, around x = y = 0
  int64_t matrix = 512;
  double dose = 1;        ///< relative; noise goes with 1/sqrt(dose * thickness), see noise.h
  bool motion = false;    ///< doubled and blurred edges over some slices
  bool circular = false;  ///< voxels outside the inscribed circle are kOutsideField
  double bottom = -190, top = 170;  ///< mm, LPS z: the slices' outer surfaces lie within
  uint64_t seed = 0;

  double spacing() const { return field_of_view / static_cast<double>(matrix); }
  /// Of the first column and row: the centre of the corner voxel.
  double corner() const { return -0.5 * (field_of_view - spacing()); }
  int64_t slices() const;            ///< at least 1
  double z_of(int64_t slice) const;  ///< of its centre
};

/// Takes one slice as stored: HU, (rows, columns), kLowestHu..kHighestHu or kOutsideField. Slices
/// are counted from the feet up. Called from any thread, in any order within a few slices.
using SliceSink = std::function<void(int64_t slice, std::span<const int16_t> hu)>;

struct SeriesSpec {
  Kernel kernel = Kernel::soft;
  SliceSink sink;
};

/// Seen from the front: mm of water that would weaken a ray as much, (slices, columns).
struct Projection {
  int64_t slices = 0, columns = 0;
  std::vector<float> water;
};

/// Scans `scene`: every slice is rendered once, as thin slices that are averaged over its
/// thickness, and reconstructed with every kernel. Metal (what is above 2500 HU) throws streaks.
/// The same bytes whatever the number of threads; memory is that of a slab of slices.
Projection scan(const Scene& scene, const Acquisition& acquisition,
                const std::vector<SeriesSpec>& series, ThreadPool& pool, Watch& watch);

}  // namespace ctclip::phantom
