#include "study/assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "study/orientation.h"

namespace ctclip {
namespace {

/// Frames of one file that one call of `decode` takes. A large multi-frame file is split so that
/// several threads share it; each then holds the file's compressed bytes, hence no finer.
constexpr std::size_t kFramesAtOnce = 32;

/// Indices into Geometry::order of slices of one file.
using Batch = std::vector<std::size_t>;

std::vector<Batch> batches(const Contents& contents, const Geometry& geometry) {
  std::map<std::size_t, Batch> by_file;
  for (std::size_t i = 0; i < geometry.order.size(); ++i) {
    by_file[contents.slices[geometry.order[i]].file].push_back(i);
  }
  std::vector<Batch> all;
  for (auto& [file, frames] : by_file) {
    std::sort(frames.begin(), frames.end(), [&](std::size_t a, std::size_t b) {
      return contents.slices[geometry.order[a]].frame < contents.slices[geometry.order[b]].frame;
    });
    for (std::size_t begin = 0; begin < frames.size(); begin += kFramesAtOnce) {
      const std::size_t end = std::min(frames.size(), begin + kFramesAtOnce);
      all.emplace_back(frames.begin() + static_cast<std::ptrdiff_t>(begin),
                       frames.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  return all;
}

/// Takes decoded images to their places. A slice of the volume that two stored slices share is
/// their weighted sum; two terms add up to the same in either order, so the result never depends on
/// which thread comes first.
class Placer {
 public:
  Placer(const Geometry& geometry, int64_t rows, int64_t columns, const VolumeMemory& memory)
      : geometry_(geometry),
        rows_(rows),
        columns_(columns),
        shares_(shares(geometry)),
        locks_(std::make_unique<std::mutex[]>(kLocks)) {
    const Matrix matrix = oriented(geometry, rows, columns);
    hu_ = memory({geometry.slices, matrix.rows, matrix.columns});
    if (geometry.resampled) std::ranges::fill(hu_.values(), 0.0F);
  }

  void place(std::size_t slice, std::span<const float> image) {
    if (static_cast<int64_t>(image.size()) != rows_ * columns_) {
      throw Error(Code::internal, fmt::format("A decoded image has {} pixels, expected {} x {}.",
                                              image.size(), rows_, columns_));
    }
    for (const Share& share : shares_[slice]) {
      float* plane = hu_.data() + share.slice * rows_ * columns_;
      if (share.weight == 1) {
        put(plane, image);
      } else {
        const std::lock_guard lock(locks_[static_cast<std::size_t>(share.slice) % kLocks]);
        for_each_pixel(geometry_, rows_, columns_, image,
                       [&](int64_t to, float hu) { plane[to] += share.weight * hu; });
      }
    }
    ++placed_;
  }

  Tensor finish() {
    if (placed_ != geometry_.order.size()) {
      throw Error(Code::internal, fmt::format("{} of {} slices were decoded.", placed_.load(),
                                              geometry_.order.size()));
    }
    return std::move(hu_);
  }

 private:
  static constexpr std::size_t kLocks = 64;

  void put(float* plane, std::span<const float> image) const {
    if (geometry_.transposed || geometry_.flip_rows || geometry_.flip_columns) {
      for_each_pixel(geometry_, rows_, columns_, image,
                     [&](int64_t to, float hu) { plane[to] = hu; });
    } else {
      std::memcpy(plane, image.data(), image.size_bytes());
    }
  }

  const Geometry& geometry_;
  int64_t rows_, columns_;
  std::vector<std::vector<Share>> shares_;
  std::unique_ptr<std::mutex[]> locks_;
  Tensor hu_;
  std::atomic<std::size_t> placed_ = 0;
};

void decode_batch(const Source& source, const Contents& contents, const Geometry& geometry,
                  const Batch& batch, const Limits& limits, Placer& placer, Watch& watch) {
  std::vector<const Slice*> slices;
  slices.reserve(batch.size());
  for (std::size_t i : batch) slices.push_back(&contents.slices[geometry.order[i]]);
  watch.check();
  decode(source, slices, limits, [&](std::size_t k, std::span<const float> hu) {
    placer.place(batch.at(k), hu);
    watch.step(static_cast<int64_t>(geometry.order.size()));
  });
}

Vec3 step_between_slices(const Contents& contents, const Geometry& geometry) {
  const Vec3& first = *contents.slices[geometry.order.front()].position;
  const Vec3& last = *contents.slices[geometry.order.back()].position;
  return scale(subtract(last, first), 1 / static_cast<double>(geometry.slices - 1));
}

}  // namespace

Assembly assemble(const Source& source, const Contents& contents, const Series& series,
                  const Limits& limits, ThreadPool& pool, Watch& watch,
                  const VolumeMemory& memory) {
  Geometry geometry = plan_geometry(contents, series, limits);
  Placer placer(geometry, series.rows, series.columns, memory);
  const std::vector<Batch> work = batches(contents, geometry);
  pool.run(static_cast<int64_t>(work.size()), [&](int64_t i) {
    decode_batch(source, contents, geometry, work[static_cast<std::size_t>(i)], limits, placer,
                 watch);
  });

  Assembly assembly;
  assembly.warnings = geometry.warnings;
  assembly.volume.hu = placer.finish();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    assembly.volume.spacing[axis] = static_cast<float>(geometry.spacing[axis]);
  }
  assembly.volume.to_patient =
      to_patient(geometry, step_between_slices(contents, geometry), series.rows, series.columns);
  assembly.geometry = std::move(geometry);
  return assembly;
}

}  // namespace ctclip
