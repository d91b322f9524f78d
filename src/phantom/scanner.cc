#include "phantom/scanner.h"

#include <algorithm>
#include <cmath>

#include "phantom/artefacts.h"
#include "phantom/noise.h"
#include "phantom/point_spread.h"

namespace ctclip::phantom {
namespace {

constexpr double kThin = 1.25;       // mm, about what a thin slice of the rendering is apart
constexpr double kSlabHeight = 20;   // mm
constexpr int64_t kMostInSlab = 20;  // thin slices
constexpr double kTolerance = 1e-6;

/// How slices are made of thin ones: slice i is the weighted mean of the thin slices from i * step.
struct ThinSlices {
  int64_t step = 1;
  double spacing = 1;  // mm
  std::vector<float> weights;

  explicit ThinSlices(const Acquisition& acquisition) {
    const double increment = acquisition.increment, thickness = acquisition.thickness;
    step = std::max<int64_t>({1, std::llround(increment / kThin),
                              static_cast<int64_t>(std::ceil(increment / thickness - kTolerance))});
    spacing = increment / static_cast<double>(step);
    const double count = thickness / spacing;
    for (double left = count; left > kTolerance; left -= 1) {
      weights.push_back(static_cast<float>(std::min(1.0, left) / count));
    }
  }
};

/// Working memory of one slice, used again for others.
struct Scratch {
  Plane hu, noise, image, spare;
  std::vector<Plane> filter;
  std::vector<int16_t> stored;
};

struct Reconstruction {
  PointSpread spread;
  float white = 0;  // deviation of the white noise that leaves the kernel's own
  const SliceSink* sink = nullptr;
};

class Scan {
 public:
  Scan(const Scene& scene, const Acquisition& acquisition, const std::vector<SeriesSpec>& series)
      : scene_(scene), acquisition_(acquisition), thin_(acquisition) {
    for (const SeriesSpec& spec : series) {
      PointSpread spread(spec.kernel, acquisition.spacing());
      const double white = noise_deviation(acquisition, spec.kernel) / spread.noise_gain();
      kernels_.push_back({std::move(spread), static_cast<float>(white), &spec.sink});
    }
    projection_ = {acquisition.slices(), acquisition.matrix, {}};
    projection_.water.resize(static_cast<std::size_t>(projection_.slices * projection_.columns));
  }

  Projection run(ThreadPool& pool, Watch& watch) {
    const auto stage = watch.stage("scan");
    const int64_t slices = acquisition_.slices();
    const auto by_height = static_cast<int64_t>(kSlabHeight / acquisition_.increment);
    const int64_t batch =
        std::clamp<int64_t>(by_height, 1, std::max<int64_t>(1, kMostInSlab / thin_.step));
    scratch_.resize(static_cast<std::size_t>(batch));
    for (int64_t first = 0; first < slices; first += batch) {
      const int64_t count = std::min(batch, slices - first);
      const Slab slab = render(scene_, lattice(first, count), pool, watch);
      pool.run(count, [&](int64_t i) { reconstruct(slab, first, i); });
      watch.advance(first + count, slices);
    }
    return std::move(projection_);
  }

 private:
  Lattice lattice(int64_t first, int64_t count) const {
    Lattice lattice;
    lattice.columns = lattice.rows = acquisition_.matrix;
    lattice.slices = (count - 1) * thin_.step + std::ssize(thin_.weights);
    const double z = acquisition_.bottom + static_cast<double>(first) * acquisition_.increment;
    const auto corner = static_cast<float>(acquisition_.corner());
    const auto spacing = static_cast<float>(acquisition_.spacing());
    lattice.origin = {corner, corner, static_cast<float>(z + 0.5 * thin_.spacing)};
    lattice.spacing = {spacing, spacing, static_cast<float>(thin_.spacing)};
    return lattice;
  }

  int64_t plane() const { return acquisition_.matrix * acquisition_.matrix; }

  // Slice `i` of those that begin at `first`.
  void reconstruct(const Slab& slab, int64_t first, int64_t i) {
    Scratch& work = scratch_[static_cast<std::size_t>(i)];
    average(slab, i, work.hu);
    const int64_t slice = first + i, size = acquisition_.matrix;
    const Paths paths = measure_paths(work.hu, size, acquisition_.spacing());
    std::copy(paths.columns.begin(), paths.columns.end(), projection_.water.begin() + slice * size);
    blur_by_motion(work.hu, acquisition_, slice, work.spare);
    if (*std::max_element(work.hu.begin(), work.hu.end()) >= kMetal) {
      add_metal_streaks(work.hu, acquisition_);
    }
    fill_noise(paths, slice, acquisition_.seed, size, work.noise);
    for (const Reconstruction& kernel : kernels_) {
      work.image.resize(work.hu.size());
      for (std::size_t k = 0; k < work.hu.size(); ++k) {
        work.image[k] = work.hu[k] + kernel.white * work.noise[k];
      }
      kernel.spread.apply(work.image, size, work.filter);
      store(work.image, work.stored);
      (*kernel.sink)(slice, work.stored);
    }
  }

  void average(const Slab& slab, int64_t i, Plane& hu) const {
    hu.assign(static_cast<std::size_t>(plane()), 0.0F);
    const float* thin = slab.hu.data() + i * thin_.step * plane();
    for (const float weight : thin_.weights) {
      for (std::size_t k = 0; k < hu.size(); ++k) hu[k] += weight * thin[k];
      thin += plane();
    }
  }

  void store(const Plane& image, std::vector<int16_t>& stored) const {
    stored.resize(image.size());
    // Shifted by a half and cut off: rounded to the nearest by vector instructions, where lround
    // would be a call for each voxel.
    constexpr float kLow = kLowestHu, kHigh = kHighestHu, kHalf = 0.5F;
    for (std::size_t k = 0; k < image.size(); ++k) {
      const float above = std::min(std::max(image[k], kLow), kHigh) - (kLow - kHalf);
      stored[k] = static_cast<int16_t>(static_cast<int32_t>(above) + kLowestHu);
    }
    if (acquisition_.circular) cut_circle(stored);
  }

  void cut_circle(std::vector<int16_t>& stored) const {
    const int64_t size = acquisition_.matrix;
    const double radius = 0.5 * static_cast<double>(size), middle = radius - 0.5;
    for (int64_t y = 0; y < size; ++y) {
      const double off = static_cast<double>(y) - middle;
      const double half = std::sqrt(std::max(0.0, radius * radius - off * off));
      const int64_t margin = std::clamp<int64_t>(std::llround(radius - half), 0, size / 2);
      int16_t* row = stored.data() + y * size;
      std::fill_n(row, margin, kOutsideField);
      std::fill_n(row + size - margin, margin, kOutsideField);
    }
  }

  const Scene& scene_;
  const Acquisition& acquisition_;
  ThinSlices thin_;
  std::vector<Reconstruction> kernels_;
  std::vector<Scratch> scratch_;  // one for each slice of a slab
  Projection projection_;
};

}  // namespace

int64_t Acquisition::slices() const {
  const double room = top - bottom - thickness;
  return 1 + std::max<int64_t>(0, static_cast<int64_t>(std::floor(room / increment + kTolerance)));
}

double Acquisition::z_of(int64_t slice) const {
  return bottom + 0.5 * thickness + static_cast<double>(slice) * increment;
}

Projection scan(const Scene& scene, const Acquisition& acquisition,
                const std::vector<SeriesSpec>& series, ThreadPool& pool, Watch& watch) {
  return Scan(scene, acquisition, series).run(pool, watch);
}

}  // namespace ctclip::phantom
