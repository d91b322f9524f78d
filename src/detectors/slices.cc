#include "detectors/slices.h"

#include <algorithm>
#include <cmath>

namespace ctclip {
namespace {

constexpr double kFirst = 0.05;  // of the depth: shoulders and abdomen are left out
constexpr double kBehind = 0.95;

}  // namespace

std::vector<int64_t> classified_planes(int64_t depth) {
  std::vector<int64_t> planes;
  const auto behind = static_cast<int64_t>(kBehind * static_cast<double>(depth));
  for (auto i = static_cast<int64_t>(kFirst * static_cast<double>(depth)); i < behind; ++i) {
    planes.push_back(i);
  }
  return planes;
}

std::vector<int64_t> reconstructed_planes(int64_t depth, int64_t count) {
  std::vector<int64_t> all = classified_planes(depth);
  const auto available = static_cast<int64_t>(all.size());
  if (available <= count) return all;
  if (count == 1) return {all.front()};
  std::vector<int64_t> planes;
  const double step = static_cast<double>(available - 1) / static_cast<double>(count - 1);
  for (int64_t i = 0; i < count; ++i) {
    const bool last = i == count - 1;
    const double at = last ? static_cast<double>(available - 1) : static_cast<double>(i) * step;
    planes.push_back(all[static_cast<std::size_t>(std::floor(at))]);
  }
  return planes;
}

SliceFrame::SliceFrame(int64_t height, int64_t width, int64_t size) {
  const int64_t side = std::min(height, width);
  axis.source = side;
  axis.resampled = axis.target = axis.kept = size;
  top = (height - side) / 2;
  left = (width - side) / 2;
}

void SliceFrame::operator()(const float* plane, int64_t width, float* out) const {
  plane += top * width + left;
  for (int64_t i = 0; i < axis.target; ++i) {
    const Axis::Tap row = axis.tap(i);
    const float* a = plane + row.first * width;
    const float* b = plane + row.second * width;
    for (int64_t j = 0; j < axis.target; ++j, ++out) {
      const Axis::Tap column = axis.tap(j);
      const float keep = 1.0F - column.weight;
      *out = (1.0F - row.weight) * (keep * a[column.first] + column.weight * a[column.second]) +
             row.weight * (keep * b[column.first] + column.weight * b[column.second]);
    }
  }
}

}  // namespace ctclip
