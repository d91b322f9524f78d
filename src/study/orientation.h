#pragma once

#include <cstdint>
#include <span>

#include "study/assemble.h"

namespace ctclip {

/// Sets the flips, the transposition and the order of axes with which an image whose columns run
/// along `row_direction` and rows along `column_direction` (DICOM's names: a row is walked along
/// row_direction) comes to lie with columns towards the left and rows towards the back.
void orient(Geometry& geometry, const Vec3& row_direction, const Vec3& column_direction);

/// Rows and columns of the volume for a stored image of `rows` x `columns`.
struct Matrix {
  int64_t rows, columns;
};
Matrix oriented(const Geometry& geometry, int64_t rows, int64_t columns);

/// Calls put(place, value) for every pixel of a stored image of `rows` x `columns` with its place
/// in the oriented one; rows first, so that `put` may be inlined into the loop.
template <typename Put>
void for_each_pixel(const Geometry& g, int64_t rows, int64_t columns, std::span<const float> image,
                    const Put& put) {
  const int64_t height = g.transposed ? columns : rows, width = g.transposed ? rows : columns;
  const int64_t row_stride = g.transposed ? 1 : columns, column_stride = g.transposed ? columns : 1;
  for (int64_t r = 0; r < height; ++r) {
    const int64_t from_row = (g.flip_rows ? height - 1 - r : r) * row_stride;
    for (int64_t c = 0; c < width; ++c) {
      const int64_t from = from_row + (g.flip_columns ? width - 1 - c : c) * column_stride;
      put(r * width + c, image[static_cast<std::size_t>(from)]);
    }
  }
}

/// (slice, row, column, 1) of the volume -> LPS mm. `step` leads from one slice of the volume to
/// the next; `spacing` is that of the volume; rows and columns are those of the stored image.
std::array<double, 12> to_patient(const Geometry& geometry, const Vec3& step, int64_t rows,
                                  int64_t columns);

}  // namespace ctclip
