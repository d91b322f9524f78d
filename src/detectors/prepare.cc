#include "detectors/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace ctclip {
namespace {

constexpr float kLowest = -1000;
constexpr float kHighest = 1000;
constexpr float kScale = 1000;
constexpr float kPadding = -1;
constexpr int64_t kMinSlices = 20;

float mix(float a, float b, float weight) { return (1.0F - weight) * a + weight * b; }

std::vector<Axis::Tap> kept_taps(const Axis& axis) {
  std::vector<Axis::Tap> taps(static_cast<std::size_t>(axis.kept));
  for (int64_t i = 0; i < axis.kept; ++i)
    taps[static_cast<std::size_t>(i)] = axis.tap(axis.skip + i);
  return taps;
}

// One plane of the prepared volume, with the buffers that its steps need.
class PlaneMaker {
 public:
  PlaneMaker(const Volume& volume, const std::array<Axis, 3>& axes)
      : volume_(volume), axes_(axes), columns_(kept_taps(axes[1])), rows_(kept_taps(axes[2])) {}

  // out (H, W), already filled with padding.
  void operator()(int64_t d, float* out) const {
    const int64_t width = volume_.hu.dim(2);
    const Axis::Tap slice = axes_[0].tap(axes_[0].skip + d);
    std::vector<float> top(static_cast<std::size_t>(width));
    std::vector<float> bottom(top);
    int64_t top_row = -1;
    int64_t bottom_row = -1;
    for (std::size_t w = 0; w < rows_.size(); ++w) {
      const Axis::Tap row = rows_[w];
      if (row.first == bottom_row) {
        std::swap(top, bottom);
        std::swap(top_row, bottom_row);
      }
      fetch(slice, row.first, top_row, top);
      fetch(slice, row.second, bottom_row, bottom);
      write_row(row.weight, top, bottom, out + axes_[2].pad + static_cast<int64_t>(w));
    }
  }

 private:
  // Row `row` between the two slices, clipped before it is mixed.
  void fetch(const Axis::Tap& slice, int64_t row, int64_t& held, std::vector<float>& line) const {
    if (row == held) return;
    held = row;
    const int64_t width = volume_.hu.dim(2);
    const float* a = volume_.hu.data() + (slice.first * volume_.hu.dim(1) + row) * width;
    const float* b = volume_.hu.data() + (slice.second * volume_.hu.dim(1) + row) * width;
    for (int64_t x = 0; x < width; ++x) {
      line[static_cast<std::size_t>(x)] = mix(std::clamp(a[x], kLowest, kHighest),
                                              std::clamp(b[x], kLowest, kHighest), slice.weight);
    }
  }

  // Image columns become the H axis, so consecutive values lie a row of W apart.
  void write_row(float weight, const std::vector<float>& top, const std::vector<float>& bottom,
                 float* out) const {
    out += axes_[1].pad * axes_[2].target;
    for (const Axis::Tap& column : columns_) {
      const auto i = static_cast<std::size_t>(column.first);
      const auto j = static_cast<std::size_t>(column.second);
      const float left = mix(top[i], bottom[i], weight);
      const float right = mix(top[j], bottom[j], weight);
      *out = mix(left, right, column.weight) / kScale;
      out += axes_[2].target;
    }
  }

  const Volume& volume_;
  const std::array<Axis, 3>& axes_;
  std::vector<Axis::Tap> columns_, rows_;
};

}  // namespace

Axis::Tap Axis::tap(int64_t i) const {
  const float ratio = static_cast<float>(source) / static_cast<float>(resampled);
  const float position = std::max(ratio * (static_cast<float>(i) + 0.5F) - 0.5F, 0.0F);
  const int64_t first = std::min(static_cast<int64_t>(position), source - 1);
  return {first, std::min(first + 1, source - 1), position - static_cast<float>(first)};
}

Axis plan_axis(int64_t source, float spacing, float target_spacing, int64_t target) {
  Axis axis;
  axis.source = source;
  axis.target = target;
  const float ratio = spacing / target_spacing;
  axis.resampled = static_cast<int64_t>(static_cast<float>(source) * ratio);
  axis.skip = std::max<int64_t>((axis.resampled - target) / 2, 0);
  axis.kept = std::min(axis.resampled, target);
  axis.pad = (target - axis.kept) / 2;
  return axis;
}

std::array<Axis, 3> plan_axes(const Volume& volume, const Geometry3d& geometry) {
  const auto& vit = geometry.vit;
  return {plan_axis(volume.hu.dim(0), volume.spacing[0], geometry.spacing[0], vit.frames),
          plan_axis(volume.hu.dim(2), volume.spacing[2], geometry.spacing[1], vit.height),
          plan_axis(volume.hu.dim(1), volume.spacing[1], geometry.spacing[2], vit.width)};
}

Tensor prepare(const Volume& volume, const Geometry3d& geometry, ThreadPool& pool, Watch& watch) {
  const std::array<Axis, 3> axes = plan_axes(volume, geometry);
  if (axes[0].resampled < kMinSlices) {
    throw Error(Code::too_few_slices,
                fmt::format("The volume has {} slices at {} mm, at least {} are needed: it is too "
                            "short for a chest.",
                            axes[0].resampled, geometry.spacing[0], kMinSlices));
  }
  if (axes[1].resampled < 1 || axes[2].resampled < 1) {
    throw Error(Code::missing_geometry,
                "The image is narrower than one voxel of the networks' grid.");
  }
  Tensor out = Tensor::uninitialised(geometry.vit.volume());
  const int64_t plane = axes[1].target * axes[2].target;
  const PlaneMaker make(volume, axes);
  pool.run(axes[0].target, [&](int64_t target) {
    watch.check();
    float* to = out.data() + target * plane;
    std::fill_n(to, plane, kPadding);
    const int64_t d = target - axes[0].pad;
    if (d >= 0 && d < axes[0].kept) make(d, to);
  });
  return out;
}

}  // namespace ctclip
