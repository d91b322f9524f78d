#pragma once

#include <cstdint>
#include <string_view>

namespace ctclip::phantom {

/// Random numbers that are the same on every machine and library: own generator (SplitMix64, Steele
/// et al., OOPSLA 2014) and own distributions, since those of <random> may differ between
/// libraries.
class Random {
 public:
  explicit Random(uint64_t seed);
  /// An independent stream for one purpose, so that what one part draws moves nothing elsewhere.
  Random stream(std::string_view purpose, uint64_t index = 0) const;

  uint64_t bits();
  double uniform(double low = 0, double high = 1);  ///< [low, high)
  double normal(double mean = 0, double deviation = 1);
  /// Normal, drawn again until it is within `limit` deviations: no freak anatomy.
  double bounded(double mean, double deviation, double limit = 2.5);
  int64_t integer(int64_t low, int64_t high);  ///< [low, high], both included
  bool chance(double probability);

 private:
  uint64_t seed_, state_;
};

/// Uniform in [0, 1) for a lattice point and a seed: noise that needs no state, so that voxels can
/// be made in any order on any thread.
float hash_noise(int64_t x, int64_t y, int64_t z, uint64_t seed);
/// Smooth noise in [-1, 1]: hash_noise at the corners of a lattice, cubic-faded between them.
float value_noise(float x, float y, float z, uint64_t seed);

}  // namespace ctclip::phantom
