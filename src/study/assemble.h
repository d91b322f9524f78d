#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/watch.h"
#include "study/series.h"
#include "study/volume.h"

namespace ctclip {

struct Assembly {
  Volume volume;
  std::vector<std::string>
      warnings;  ///< a slice that was filled in, a tilt within tolerance, a flip, ...
};

/// The plan without the pixels: order along the normal, spacing, gaps, tilt. `inspect` shows it,
/// `assemble` follows it.
struct Geometry {
  std::vector<std::size_t> order;      ///< into Contents::slices, feet to head
  std::array<double, 3> spacing = {};  ///< mm between slices, rows, columns
  std::array<double, 3> first_position = {}, row_direction = {}, column_direction = {}, normal = {};
  std::vector<double> positions;  ///< of each slice along the normal, mm, ascending
  double tilt_degrees = 0;
  bool resampled = false;  ///< uneven within tolerance, or one slice missing
  bool flip_rows = false, flip_columns = false, flip_slices = false, transposed = false;
  std::vector<std::string> warnings;
};

/// Throws Error{missing_geometry, inconsistent_geometry, gantry_tilt, uneven_spacing,
/// missing_slices}, naming where.
Geometry plan_geometry(const Contents& contents, const Series& series);

/// Decodes the slices of the series in parallel, straight into their places in the volume.
Assembly assemble(const Source& source, const Contents& contents, const Series& series,
                  const Limits& limits, ThreadPool& pool, Watch& watch);

}  // namespace ctclip
