#include "study/components.h"

#include <algorithm>

namespace ctclip {
namespace {

struct Cell {
  int64_t z, y, x;
};

/// Calls visit(neighbour) for every cell of the grid that shares a face with `cell`; the neighbours
/// in the same slice only where `planar`.
template <typename Visit>
void for_each_neighbour(const std::array<int64_t, 3>& shape, const Cell& cell, bool planar,
                        const Visit& visit) {
  if (!planar && cell.z > 0) visit(Cell{cell.z - 1, cell.y, cell.x});
  if (!planar && cell.z + 1 < shape[0]) visit(Cell{cell.z + 1, cell.y, cell.x});
  if (cell.y > 0) visit(Cell{cell.z, cell.y - 1, cell.x});
  if (cell.y + 1 < shape[1]) visit(Cell{cell.z, cell.y + 1, cell.x});
  if (cell.x > 0) visit(Cell{cell.z, cell.y, cell.x - 1});
  if (cell.x + 1 < shape[2]) visit(Cell{cell.z, cell.y, cell.x + 1});
}

/// Reaches everything from `stack` that `enter` lets in (and marks, so that it is entered once). A
/// stack of its own: no recursion, however winding the shape.
template <typename Enter>
void flood(const std::array<int64_t, 3>& shape, std::vector<Cell>& stack, bool planar,
           const Enter& enter) {
  while (!stack.empty()) {
    const Cell cell = stack.back();
    stack.pop_back();
    for_each_neighbour(shape, cell, planar, [&](const Cell& next) {
      if (enter(next)) stack.push_back(next);
    });
  }
}

}  // namespace

int32_t Components::largest() const {
  const auto best = std::max_element(sizes.begin(), sizes.end());
  return best == sizes.end() ? 0 : static_cast<int32_t>(best - sizes.begin()) + 1;
}

Components connected(const Mask& mask) {
  Components found{Grid<int32_t>(mask.shape, 0), {}};
  std::vector<Cell> stack;
  const auto enter = [&](const Cell& cell) {
    const std::size_t i = mask.at(cell.z, cell.y, cell.x);
    if (mask.cells[i] == 0 || found.labels.cells[i] != 0) return false;
    found.labels.cells[i] = static_cast<int32_t>(found.sizes.size());
    ++found.sizes.back();
    return true;
  };
  for (int64_t z = 0; z < mask.shape[0]; ++z) {
    for (int64_t y = 0; y < mask.shape[1]; ++y) {
      for (int64_t x = 0; x < mask.shape[2]; ++x) {
        const std::size_t i = mask.at(z, y, x);
        if (mask.cells[i] == 0 || found.labels.cells[i] != 0) continue;
        found.sizes.push_back(0);
        if (enter({z, y, x})) stack.push_back({z, y, x});
        flood(mask.shape, stack, false, enter);
      }
    }
  }
  return found;
}

Mask enclosed(const Mask& body) {
  Mask inside(body.shape, 1);
  for (std::size_t i = 0; i < body.cells.size(); ++i) inside.cells[i] = body.cells[i] == 0;
  std::vector<Cell> stack;
  const auto enter = [&](const Cell& cell) {
    uint8_t& open = inside.cells[inside.at(cell.z, cell.y, cell.x)];
    if (open == 0) return false;
    open = 0;
    return true;
  };
  const auto [depth, height, width] = body.shape;
  for (int64_t z = 0; z < depth; ++z) {
    for (int64_t y = 0; y < height; ++y) {
      const bool edge = y == 0 || y == height - 1;
      for (int64_t x = 0; x < width; x += edge || width == 1 ? 1 : width - 1) {
        if (enter({z, y, x})) stack.push_back({z, y, x});
      }
    }
    flood(body.shape, stack, true, enter);
  }
  return inside;
}

}  // namespace ctclip
