#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ctclip {

/// A small 3-D grid of cells, axis 0 slowest.
template <typename T>
struct Grid {
  std::array<int64_t, 3> shape = {};
  std::vector<T> cells;

  Grid() = default;
  Grid(std::array<int64_t, 3> shape, T value)
      : shape(shape), cells(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]), value) {}
  std::size_t at(int64_t z, int64_t y, int64_t x) const {
    return static_cast<std::size_t>((z * shape[1] + y) * shape[2] + x);
  }
};
using Mask = Grid<uint8_t>;  ///< 0 or 1; not vector<bool>, which is slower here

/// Pieces of a mask that are connected by faces. labels: 0 outside, else 1 + index into sizes.
struct Components {
  Grid<int32_t> labels;
  std::vector<int64_t> sizes;  ///< cells

  /// Label of the largest (the first of equals); 0 where there is none.
  int32_t largest() const;
};
Components connected(const Mask& mask);

/// Cells that are not in `body` and cannot be reached from the border of their slice (axis 0)
/// without crossing it.
Mask enclosed(const Mask& body);

}  // namespace ctclip
