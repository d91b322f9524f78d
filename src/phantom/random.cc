#include "phantom/random.h"

#include <cmath>
#include <numbers>

#include "phantom/noise_row.h"

namespace ctclip::phantom {
namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

/// The finaliser of SplitMix64.
uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// FNV-1a.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace

Random::Random(uint64_t seed) : seed_(seed), state_(seed) {}

Random Random::stream(std::string_view purpose, uint64_t index) const {
  return Random(mixed(mixed(seed_ + kGolden) ^ mixed(hash_of(purpose) + index * kGolden)));
}

uint64_t Random::bits() { return mixed(state_ += kGolden); }

double Random::uniform(double low, double high) {
  const double unit = static_cast<double>(bits() >> 11) * 0x1p-53;
  return low + (high - low) * unit;
}

double Random::normal(double mean, double deviation) {
  // Box and Muller's; the second number is thrown away, so that a draw is always two words.
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return mean + deviation * radius * std::cos(2 * std::numbers::pi * uniform());
}

double Random::bounded(double mean, double deviation, double limit) {
  for (;;) {
    const double z = normal();
    if (std::abs(z) <= limit) return mean + deviation * z;
  }
}

int64_t Random::integer(int64_t low, int64_t high) {
  const int64_t drawn = low + static_cast<int64_t>(uniform() * static_cast<double>(high - low + 1));
  return drawn < high ? drawn : high;
}

bool Random::chance(double probability) { return uniform() < probability; }

float hash_noise(int64_t x, int64_t y, int64_t z, uint64_t seed) {
  // 32-bit multiplications: this runs for every lattice point of every texture.
  uint32_t h = static_cast<uint32_t>(seed ^ (seed >> 32));
  h = (h ^ static_cast<uint32_t>(x)) * 0x85EBCA6BU;
  h = ((h ^ (h >> 15)) + static_cast<uint32_t>(y)) * 0xC2B2AE35U;
  h = ((h ^ (h >> 13)) + static_cast<uint32_t>(z)) * 0x27D4EB2FU;
  h = (h ^ (h >> 16)) * 0x85EBCA6BU;
  return static_cast<float>((h ^ (h >> 14)) >> 8) * 0x1p-24F;
}

float value_noise(float x, float y, float z, uint64_t seed) { return NoiseRow(y, z, seed)(x); }

NoiseRow::NoiseRow(float y, float z, uint64_t seed)
    : seed_(seed),
      y_(static_cast<int64_t>(std::floor(y))),
      z_(static_cast<int64_t>(std::floor(z))),
      fade_y_(faded(y - std::floor(y))),
      fade_z_(faded(z - std::floor(z))) {}

float NoiseRow::column(int64_t x) const {
  const float a = hash_noise(x, y_, z_, seed_), b = hash_noise(x, y_ + 1, z_, seed_);
  const float c = hash_noise(x, y_, z_ + 1, seed_), d = hash_noise(x, y_ + 1, z_ + 1, seed_);
  const float near = a + fade_y_ * (b - a), far = c + fade_y_ * (d - c);
  return 2 * (near + fade_z_ * (far - near)) - 1;
}

float NoiseRow::operator()(float x) {
  const float cell = std::floor(x);
  const auto index = static_cast<int64_t>(cell);
  if (index != x_) {
    low_ = index == x_ + 1 ? high_ : column(index);
    high_ = column(index + 1);
    x_ = index;
  }
  return low_ + faded(x - cell) * (high_ - low_);
}

}  // namespace ctclip::phantom
