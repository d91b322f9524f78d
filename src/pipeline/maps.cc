#include "pipeline/maps.h"

#include <algorithm>
#include <cmath>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "detectors/prepare.h"
#include "detectors/slices.h"
#include "study/nifti.h"

namespace ctclip {
namespace {

constexpr float kHounsfield = 1000;  // the networks see HU / 1000

// Where the middle of source voxel i lies on an axis after resampling and cropping, in voxels.
double forward(const Axis& axis, int64_t i) {
  const double ratio = static_cast<double>(axis.resampled) / static_cast<double>(axis.source);
  const double resampled = (static_cast<double>(i) + 0.5) * ratio - 0.5;
  return resampled - static_cast<double>(axis.skip) + static_cast<double>(axis.pad);
}

// Study slices that plane `target` of the prepared volume stands for.
std::vector<int64_t> slices_of_plane(const Axis& axis, int64_t target) {
  constexpr double kHalf = 0.5;
  std::vector<int64_t> slices;
  int64_t nearest = 0;
  for (int64_t i = 0; i < axis.source; ++i) {
    const double away = std::abs(forward(axis, i) - static_cast<double>(target));
    if (away <= kHalf) slices.push_back(i);
    if (away < std::abs(forward(axis, nearest) - static_cast<double>(target))) nearest = i;
  }
  const bool covered = target >= axis.pad && target < axis.pad + axis.kept;
  if (slices.empty() && covered) slices.push_back(nearest);
  return slices;
}

// Where source voxel i of an in-plane axis lies in the slice, in pixels.
std::vector<double> pixels_of(const Axis& axis, int64_t cropped, const SliceFrame& frame) {
  std::vector<double> at;
  const double ratio =
      static_cast<double>(frame.axis.resampled) / static_cast<double>(frame.axis.source);
  for (int64_t i = 0; i < axis.source; ++i) {
    at.push_back((forward(axis, i) - static_cast<double>(cropped) + 0.5) * ratio - 0.5);
  }
  return at;
}

// Bilinear value at (h, w); 0 outside of the slice.
float sample(const std::vector<float>& slice, int64_t size, double h, double w) {
  const auto last = static_cast<double>(size - 1);
  if (h < -0.5 || w < -0.5 || h > last + 0.5 || w > last + 0.5) return 0;
  h = std::clamp(h, 0.0, last);
  w = std::clamp(w, 0.0, last);
  const auto i = std::min(static_cast<int64_t>(h), std::max<int64_t>(size - 2, 0));
  const auto j = std::min(static_cast<int64_t>(w), std::max<int64_t>(size - 2, 0));
  const double a = h - static_cast<double>(i);
  const double b = w - static_cast<double>(j);
  const auto at = [&](int64_t r, int64_t c) {
    return static_cast<double>(
        slice[static_cast<std::size_t>(std::min(r, size - 1) * size + std::min(c, size - 1))]);
  };
  return static_cast<float>((1 - a) * ((1 - b) * at(i, j) + b * at(i, j + 1)) +
                            a * ((1 - b) * at(i + 1, j) + b * at(i + 1, j + 1)));
}

std::vector<float> difference(const ReconstructedSlices& slices, int64_t index) {
  const int64_t pixels = slices.original.dim(1) * slices.original.dim(2);
  std::vector<float> out(static_cast<std::size_t>(pixels));
  for (int64_t i = 0; i < pixels; ++i) {
    const int64_t at = index * pixels + i;
    out[static_cast<std::size_t>(i)] =
        kHounsfield * std::abs(slices.original.data()[at] - slices.reconstructed.data()[at]);
  }
  return out;
}

}  // namespace

StudyGrid grid_of(const Volume& volume) {
  return {
      {volume.hu.dim(0), volume.hu.dim(1), volume.hu.dim(2)}, volume.spacing, volume.to_patient};
}

Volume difference_volume(const ReconstructedSlices& slices, const SliceStatistics& statistics,
                         const StudyGrid& grid, const Geometry3d& geometry) {
  const auto& vit = geometry.vit;
  const int64_t size = slices.original.dim(1);
  const auto [depth, rows, columns] = grid.size;
  const Axis d = plan_axis(depth, grid.spacing[0], geometry.spacing[0], vit.frames);
  const Axis h = plan_axis(columns, grid.spacing[2], geometry.spacing[1], vit.height);
  const Axis w = plan_axis(rows, grid.spacing[1], geometry.spacing[2], vit.width);
  const SliceFrame frame(vit.height, vit.width, size);
  const std::vector<double> across = pixels_of(h, frame.top, frame);  // H runs over the columns
  const std::vector<double> down = pixels_of(w, frame.left, frame);

  Volume volume{Tensor::zeros({depth, rows, columns}), grid.spacing, grid.to_patient};
  for (std::size_t index = 0; index < statistics.planes.size(); ++index) {
    const std::vector<float> plane = difference(slices, static_cast<int64_t>(index));
    for (const int64_t slice : slices_of_plane(d, statistics.planes[index])) {
      float* out = volume.hu.data() + slice * rows * columns;
      for (const double y : down) {
        for (const double x : across) *out++ = sample(plane, size, x, y);
      }
    }
  }
  return volume;
}

void write_maps(const std::filesystem::path& folder, const Scores& scores, const StudyGrid& grid,
                const Geometry3d& geometry) {
  if (!scores.reconstructed || !scores.diffusion_reconstruction) {
    throw Error(Code::internal, "There is no reconstruction to make a map of.");
  }
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    throw Error(Code::internal, folder.string() + ": cannot be made: " + failed.message());
  }
  const SliceStatistics& statistics = *scores.diffusion_reconstruction;
  write_nifti(folder / "difference.nii.gz",
              difference_volume(*scores.reconstructed, statistics, grid, geometry));
  write_sheet(folder / "anomaly.png", *scores.reconstructed, statistics, geometry.vit.frames);
}

}  // namespace ctclip
