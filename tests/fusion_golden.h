#pragma once

#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <span>
#include <string>
#include <vector>

#include "base/npy.h"
#include "testing.h"

namespace ctclip::testing {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// An array of golden/lightgbm as rows.
struct Rows {
  explicit Rows(const std::filesystem::path& path) : array(read_npy(path)) {}
  std::size_t size() const { return static_cast<std::size_t>(array.shape.at(0)); }
  std::size_t width() const { return array.values.size() / size(); }
  std::span<const double> operator[](std::size_t i) const {
    return std::span(array.values).subspan(i * width(), width());
  }
  NpyArray array;
};

inline std::filesystem::path lightgbm_golden(const std::string& relative) {
  return golden("lightgbm/" + relative);
}

/// Python wrote it: an infinite number there is no JSON.
inline nlohmann::json lightgbm_manifest() {
  const std::string text = read_text(lightgbm_golden("manifest.json"));
  return nlohmann::json::parse(
      std::regex_replace(text, std::regex(": (-?Infinity|NaN)\\b"), ": null"));
}

/// Equal, both NaN, or within `relative` of the expected value.
inline bool same_number(double found, double expected, double relative) {
  if (std::isnan(expected)) return std::isnan(found);
  return found == expected || std::abs(found - expected) <= relative * std::abs(expected);
}

}  // namespace ctclip::testing
