#pragma once

#include <cstdint>
#include <limits>

namespace ctclip::phantom {

/// `value_noise` along a row of x at a fixed y and z: what is asked for one cell of the lattice
/// after another keeps the corners, which is where the time goes. Not for several threads at once.
class NoiseRow {
 public:
  NoiseRow(float y, float z, uint64_t seed);
  float operator()(float x);

 private:
  static float faded(float t) { return t * t * (3 - 2 * t); }
  float column(int64_t x) const;

  uint64_t seed_;
  int64_t y_, z_;
  float fade_y_, fade_z_;
  int64_t x_ = std::numeric_limits<int64_t>::min() / 2;
  float low_ = 0, high_ = 0;
};

}  // namespace ctclip::phantom
