#include "study/orientation.h"

namespace ctclip {

void orient(Geometry& geometry, const Vec3& row_direction, const Vec3& column_direction) {
  geometry.row_direction = row_direction;
  geometry.column_direction = column_direction;
  geometry.normal = cross(row_direction, column_direction);
  geometry.transposed = std::abs(row_direction[0]) < std::abs(column_direction[0]);
  const Vec3& leftwards = geometry.transposed ? column_direction : row_direction;
  const Vec3& backwards = geometry.transposed ? row_direction : column_direction;
  geometry.flip_columns = leftwards[0] < 0;
  geometry.flip_rows = backwards[1] < 0;
  geometry.flip_slices = geometry.normal[2] < 0;
  if (geometry.flip_slices) geometry.normal = scale(geometry.normal, -1);
}

Matrix oriented(const Geometry& geometry, int64_t rows, int64_t columns) {
  return geometry.transposed ? Matrix{columns, rows} : Matrix{rows, columns};
}

std::array<double, 12> to_patient(const Geometry& g, const Vec3& step, int64_t rows,
                                  int64_t columns) {
  const Matrix matrix = oriented(g, rows, columns);
  Vec3 along_columns = scale(g.transposed ? g.column_direction : g.row_direction, g.spacing[2]);
  Vec3 along_rows = scale(g.transposed ? g.row_direction : g.column_direction, g.spacing[1]);
  Vec3 origin = g.first_position;
  if (g.flip_columns) {
    origin = add(origin, scale(along_columns, static_cast<double>(matrix.columns - 1)));
    along_columns = scale(along_columns, -1);
  }
  if (g.flip_rows) {
    origin = add(origin, scale(along_rows, static_cast<double>(matrix.rows - 1)));
    along_rows = scale(along_rows, -1);
  }
  std::array<double, 12> affine;
  for (std::size_t i = 0; i < 3; ++i) {
    affine[i * 4] = step[i];
    affine[i * 4 + 1] = along_rows[i];
    affine[i * 4 + 2] = along_columns[i];
    affine[i * 4 + 3] = origin[i];
  }
  return affine;
}

}  // namespace ctclip
