#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/npy.h"
#include "base/tensor.h"

namespace ctclip::testing {

/// A file of the golden data (tests/golden.tar.xz). One that is missing fails the test where it is
/// read.
inline std::filesystem::path golden(const std::string& relative) {
  return std::filesystem::path(CTCLIP_GOLDEN_DIR) / relative;
}

/// Real studies live beside the project, or where CTCLIP_DATA says; they are never committed.
inline std::filesystem::path data_dir() {
  if (const char* set = std::getenv("CTCLIP_DATA")) return set;
  return std::filesystem::path(CTCLIP_SOURCE_DIR).parent_path() / "shared" / "data";
}

/// Skips the test where the real studies are absent, and fails it where CI says they must be there.
#define CTCLIP_NEEDS_DATA()                                                         \
  if (!std::filesystem::exists(::ctclip::testing::data_dir())) {                    \
    const char* ci = std::getenv("CI");                                             \
    if (ci != nullptr && std::string(ci) == "true") {                               \
      FAIL() << "real studies are missing: " << ::ctclip::testing::data_dir();      \
    }                                                                               \
    GTEST_SKIP() << "real studies are not here: " << ::ctclip::testing::data_dir(); \
  }

/// Standard normal values.
inline Tensor normal_tensor(Shape shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Tensor x = Tensor::uninitialised(std::move(shape));
  for (float& value : x.values()) value = normal(random);
  return x;
}

/// Passes where |found - expected| <= tolerance for every value; tells the largest difference and
/// where.
inline ::testing::AssertionResult all_close(std::span<const float> found,
                                            std::span<const double> expected, double tolerance) {
  if (found.size() != expected.size()) {
    return ::testing::AssertionFailure() << found.size() << " values, expected " << expected.size();
  }
  double worst = -1;
  std::size_t where = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(static_cast<double>(found[i]) - expected[i]);
    if (!(difference <= worst)) {  // a NaN is the worst
      worst = difference;
      where = i;
      if (std::isnan(difference)) break;
    }
  }
  if (worst <= tolerance || found.empty()) {
    return ::testing::AssertionSuccess() << "largest difference " << worst << " at " << where;
  }
  return ::testing::AssertionFailure()
         << "largest difference " << worst << " at " << where << ": found " << found[where]
         << ", expected " << expected[where] << ", tolerance " << tolerance;
}
inline ::testing::AssertionResult all_close(const Tensor& found, const NpyArray& expected,
                                            double tolerance) {
  return all_close(found.values(), expected.values, tolerance);
}

/// A folder that goes away with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ctclip_test_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ctclip::testing
