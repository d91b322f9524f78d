#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/watch.h"
#include "study/series.h"
#include "study/vec3.h"
#include "study/volume.h"

namespace ctclip {

/// The plan without the pixels: order along the normal, spacing, gaps, tilt. `inspect` shows it,
/// `assemble` follows it.
struct Geometry {
  std::vector<std::size_t> order;      ///< into Contents::slices, feet to head
  int64_t slices = 0;                  ///< of the volume; order.size() unless resampled
  std::array<double, 3> spacing = {};  ///< mm between slices, rows, columns of the volume
  Vec3 first_position = {}, row_direction = {}, column_direction = {}, normal = {};  ///< as stored
  std::vector<double> positions;  ///< of each slice of `order` along the normal, mm, ascending
  double tilt_degrees = 0;        ///< between the normal and the line the slices are stacked along
  bool resampled = false;         ///< uneven within tolerance, or one slice missing
  bool flip_rows = false, flip_columns = false, flip_slices = false, transposed = false;
  std::vector<std::string> warnings;
};

struct Assembly {
  Volume volume;
  Geometry geometry;  ///< how it was made; of a NIfTI file without order and positions
  std::vector<std::string>
      warnings;  ///< a slice that was filled in, a tilt within tolerance, a flip, ...
};

/// How the slices of a candidate series make a volume.
///
/// - Tilt up to 3 degrees is accepted as it is (the reference accepts 0.05 for each component of
/// the
///   unit vectors, which is 2.87 to 3 degrees), with a warning from 0.5 degrees on; the distance
///   between slices is then the oblique one, |last - first| / (n - 1), as in the reference.
/// - Gaps that differ from their median by at most 0.1 mm + 5 % (the reference's tolerance) are
///   even: the slices are taken as they are.
/// - Gaps within 25 % of the median are resampled linearly onto an even grid, with a warning, and
/// so
///   are single missing slices (a gap of 1.75 to 2.25 medians) in at most one gap of twenty: linear
///   interpolation then never reaches further than one slice.
///
/// Anything else throws Error{gantry_tilt, uneven_spacing, missing_slices, inconsistent_geometry,
/// image_too_large}, naming where.
Geometry plan_geometry(const Contents& contents, const Series& series, const Limits& limits = {});

/// Share of one stored slice in one slice of the volume.
struct Share {
  int64_t slice;
  float weight;
};
/// For each slice of `geometry.order`, the slices of the volume that it goes into: itself alone, or
/// where the series is resampled its linear interpolation weights.
std::vector<std::vector<Share>> shares(const Geometry& geometry);

/// Decodes the slices of the series in parallel, straight into their places in the volume. Throws
/// what plan_geometry and decode throw.
Assembly assemble(const Source& source, const Contents& contents, const Series& series,
                  const Limits& limits, ThreadPool& pool, Watch& watch,
                  const VolumeMemory& memory = Tensor::uninitialised);

}  // namespace ctclip
