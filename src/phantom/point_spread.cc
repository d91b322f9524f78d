#include "phantom/point_spread.h"

#include <algorithm>
#include <cmath>

namespace ctclip::phantom {
namespace {

constexpr double kSoftSigma = 0.55;                       // mm
constexpr double kLungSigma = 0.26, kLungSurround = 0.8;  // mm
constexpr float kLungEdge = 0.9F;

std::vector<float> half_gaussian(double sigma) {
  const auto reach = static_cast<int64_t>(std::ceil(3 * sigma));
  std::vector<double> weights;
  double sum = 0;
  for (int64_t i = 0; i <= reach; ++i) {
    const double at = static_cast<double>(i) / sigma;
    weights.push_back(std::exp(-0.5 * at * at));
    sum += i == 0 ? weights.back() : 2 * weights.back();
  }
  std::vector<float> half(weights.size());
  std::transform(weights.begin(), weights.end(), half.begin(),
                 [&](double w) { return static_cast<float>(w / sum); });
  return half;
}

double tap(const std::vector<float>& half, std::size_t i) { return i < half.size() ? half[i] : 0; }

/// out[x] = sum of half[|t|] * line[x + t]; `line` has half.size() - 1 values before 0 and behind
/// the end.
void filter_line(const float* line, float* out, int64_t size, const std::vector<float>& half) {
  for (int64_t x = 0; x < size; ++x) out[x] = half[0] * line[x];
  for (int64_t t = 1; t < std::ssize(half); ++t) {
    const float weight = half[static_cast<std::size_t>(t)];
    for (int64_t x = 0; x < size; ++x) out[x] += weight * (line[x - t] + line[x + t]);
  }
}

void along_rows(const Plane& in, Plane& out, int64_t size, const std::vector<float>& half) {
  const int64_t reach = std::ssize(half) - 1;
  std::vector<float> padded(static_cast<std::size_t>(size + 2 * reach));
  for (int64_t y = 0; y < size; ++y) {
    const float* line = in.data() + y * size;
    std::fill_n(padded.begin(), reach, line[0]);
    std::copy_n(line, size, padded.begin() + reach);
    std::fill_n(padded.begin() + reach + size, reach, line[size - 1]);
    filter_line(padded.data() + reach, out.data() + y * size, size, half);
  }
}

/// Adds share * the filtered plane to `sum`.
void add_along_columns(const Plane& in, Plane& sum, int64_t size, const std::vector<float>& half,
                       float share) {
  const auto line = [&](int64_t y) {
    return in.data() + std::clamp<int64_t>(y, 0, size - 1) * size;
  };
  for (int64_t y = 0; y < size; ++y) {
    float* out = sum.data() + y * size;
    const float centre = share * half[0];
    const float* here = line(y);
    for (int64_t x = 0; x < size; ++x) out[x] += centre * here[x];
    for (int64_t t = 1; t < std::ssize(half); ++t) {
      const float weight = share * half[static_cast<std::size_t>(t)];
      const float *above = line(y - t), *below = line(y + t);
      for (int64_t x = 0; x < size; ++x) out[x] += weight * (above[x] + below[x]);
    }
  }
}

}  // namespace

PointSpread::PointSpread(Kernel kernel, double spacing) {
  const bool is_soft = kernel == Kernel::soft;
  fine_ = half_gaussian((is_soft ? kSoftSigma : kLungSigma) / spacing);
  if (!is_soft) {
    coarse_ = half_gaussian(kLungSurround / spacing);
    edge_ = kLungEdge;
  }
  double energy = 0;
  const auto reach = static_cast<int64_t>(std::max(fine_.size(), coarse_.size()));
  for (int64_t y = -reach; y <= reach; ++y) {
    for (int64_t x = -reach; x <= reach; ++x) {
      const auto i = static_cast<std::size_t>(std::abs(y)),
                 j = static_cast<std::size_t>(std::abs(x));
      const double weight =
          (1 + edge_) * tap(fine_, i) * tap(fine_, j) - edge_ * tap(coarse_, i) * tap(coarse_, j);
      energy += weight * weight;
    }
  }
  noise_gain_ = std::sqrt(energy);
}

void PointSpread::apply(Plane& plane, int64_t size, std::vector<Plane>& scratch) const {
  scratch.resize(2);
  for (Plane& part : scratch) part.resize(plane.size());
  along_rows(plane, scratch[0], size, fine_);
  if (!coarse_.empty()) along_rows(plane, scratch[1], size, coarse_);
  std::fill(plane.begin(), plane.end(), 0.0F);
  add_along_columns(scratch[0], plane, size, fine_, 1 + edge_);
  if (!coarse_.empty()) add_along_columns(scratch[1], plane, size, coarse_, -edge_);
}

}  // namespace ctclip::phantom
