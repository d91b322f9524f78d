#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "phantom/render.h"

namespace ctclip::phantom {

enum class Kernel { soft, lung };

/// How the person is scanned.
struct Acquisition {
  double thickness = 1.5;      ///< mm, nominal; slices are averaged over it (partial volume)
  double increment = 1.5;      ///< mm between slices
  double field_of_view = 360;  ///< mm, square
  int64_t matrix = 512;
  double dose = 1;             ///< relative; noise goes with 1/sqrt(dose * thickness)
  bool motion = false;         ///< blurred and doubled edges over some slices
  bool metal = false;          ///< a pacemaker: bright, with streaks
  uint64_t seed = 0;
};

/// One series of slices as stored: HU as int16, (rows, columns), slice after slice from the feet up.
using SliceSink = std::function<void(int64_t slice, double z, const std::vector<int16_t>& hu)>;

struct SeriesSpec {
  Kernel kernel = Kernel::soft;
  SliceSink sink;
};

/// Scans `scene` from `bottom` to `top` (mm, LPS z): every slice is rendered once and reconstructed with
/// every kernel. Deterministic whatever the number of threads.
void scan(const Scene& scene, const Acquisition& acquisition, double bottom, double top,
          std::vector<SeriesSpec> series, ThreadPool& pool, Watch& watch);
int64_t slice_count(const Acquisition& acquisition, double bottom, double top);

}  // namespace ctclip::phantom
