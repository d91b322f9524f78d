#include "phantom/noise.h"

#include <algorithm>
#include <cmath>

namespace ctclip::phantom {
namespace {

constexpr double kSoftDeviation = 12, kLungFactor = 4;  // HU at dose 1, 5 mm
constexpr double kReferenceThickness = 5;               // mm
// Water, about 0.02 for each mm; the tube current follows the body and leaves about a fifth of it.
constexpr float kUnmodulated = 0.004F;
constexpr float kUsualWidth = 300, kUsualDepth = 210;  // mm of water through a chest
constexpr float kStarved = 360;                        // mm of water that leave too few photons

/// MurmurHash3's finaliser (A. Appleby, public domain): every bit of the input moves every bit.
inline uint32_t mixed(uint32_t h) {
  h ^= h >> 16U;
  h *= 0x85ebca6bU;
  h ^= h >> 13U;
  h *= 0xc2b2ae35U;
  return h ^ h >> 16U;
}

/// The sum of a hash's four bytes, brought to mean 0 and deviation 1. Filtering makes it as good as
/// normal.
inline float white(uint32_t key) {
  const uint32_t hash = mixed(key);
  const uint32_t pairs = (hash & 0x00ff00ffU) + (hash >> 8U & 0x00ff00ffU);
  const auto sum = static_cast<int32_t>((pairs & 0xffffU) + (pairs >> 16U));
  constexpr float kDeviation = 147.80F;  // of four uniform bytes: sqrt(4 * (256^2 - 1) / 12)
  return static_cast<float>(sum - 510) / kDeviation;
}

uint32_t row_key(uint64_t seed, int64_t slice, int64_t row) {
  const auto low = static_cast<uint32_t>(seed), high = static_cast<uint32_t>(seed >> 32U);
  const auto place = static_cast<uint32_t>(slice * 65536 + row);
  return mixed(mixed(low ^ mixed(high + 0x9e3779b9U)) + place);
}

float unmodulated(float path, float usual) { return std::exp(kUnmodulated * (path - usual)); }

/// Slow along the row: an autoregressive process brought to deviation 1.
void add_streaks(float* row, int64_t size, uint32_t key, float amplitude) {
  constexpr float kKept = 0.97F;
  const float fresh = std::sqrt(1 - kKept * kKept);
  float value = white(key);
  for (int64_t x = 0; x < size; ++x) {
    value = kKept * value + fresh * white(mixed(key + static_cast<uint32_t>(x)));
    row[x] += amplitude * value;
  }
}

}  // namespace

double noise_deviation(const Acquisition& acquisition, Kernel kernel) {
  const double law = std::sqrt(kReferenceThickness / (acquisition.thickness * acquisition.dose));
  return kSoftDeviation * law * (kernel == Kernel::lung ? kLungFactor : 1);
}

Paths measure_paths(const Plane& hu, int64_t size, double spacing) {
  Paths paths;
  paths.columns.assign(static_cast<std::size_t>(size), 0);
  const auto step = static_cast<float>(spacing);
  for (int64_t y = 0; y < size; ++y) {
    const float* line = hu.data() + y * size;
    float* columns = paths.columns.data();
    float row = 0;
    for (int64_t x = 0; x < size; ++x) {
      // Calcium and metal count as much as they do in HU: this is about noise, not dosimetry.
      const float water = std::max(0.0F, 1 + 0.001F * line[x]) * step;
      columns[x] += water;
      row += water;
    }
    paths.rows.push_back(row);
  }
  return paths;
}

void fill_noise(const Paths& paths, int64_t slice, uint64_t seed, int64_t size, Plane& noise) {
  std::vector<float> columns(paths.columns.size());
  std::transform(paths.columns.begin(), paths.columns.end(), columns.begin(),
                 [](float path) { return 0.5F * unmodulated(path, kUsualDepth); });
  noise.resize(static_cast<std::size_t>(size * size));
  for (int64_t y = 0; y < size; ++y) {
    const float path = paths.rows[static_cast<std::size_t>(y)];
    const float along = 0.5F * unmodulated(path, kUsualWidth);
    const uint32_t key = row_key(seed, slice, y);
    float* row = noise.data() + y * size;
    for (int64_t x = 0; x < size; ++x) {
      row[x] = std::sqrt(along + columns[static_cast<std::size_t>(x)]) *
               white(key + static_cast<uint32_t>(x));
    }
    if (path > kStarved) {
      add_streaks(row, size, mixed(key), unmodulated(path, kStarved) - 1);
    }
  }
}

}  // namespace ctclip::phantom
