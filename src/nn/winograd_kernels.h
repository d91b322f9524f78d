#pragma once

#include <cstdint>

namespace ctclip::nn {

// The three steps of Winograd's convolution (Lavin & Gray, arXiv:1509.09308), float32,
// single-threaded, chosen at run time for the processor. Channels are innermost and a multiple of
// 16. They never validate.

/// One image: 3x3, padding 1, output tiles of side 2 or 4, so input tiles of side 4 or 6.
struct TileGrid {
  int64_t height, width;  ///< of the image
  int64_t side;           ///< of an output tile: 2 or 4
  int64_t across() const { return (width + side - 1) / side; }
  int64_t tiles() const { return (height + side - 1) / side * across(); }
  int64_t points() const { return (side + 2) * (side + 2); }
};

/// Floats from one point's (count, channels) values to the next point's: an odd number of cache
/// lines, so that a tile's points do not all fall into one set of the cache.
constexpr int64_t point_stride(int64_t count, int64_t channels) {
  constexpr int64_t kLine = 16;
  return (count * channels / kLine | 1) * kLine;
}

/// Tiles [first, first + count) -> out (points, count, channels) with `point_stride`: B^T d B of
/// each. x begins at the image's `row` and holds every row of the image that the tiles lie on.
void winograd_input(const float* x, int64_t row, const TileGrid& grid, int64_t first, int64_t count,
                    int64_t channels, float* out);
/// products = tiles x weight for every point, both with `point_stride`; weight (points, in, out).
void winograd_multiply(const float* tiles, const float* weight, int64_t points, int64_t count,
                       int64_t in, int64_t out, float* products);
/// products (points, count, channels) with `point_stride` -> y (height, width, channels) = A^T m A
/// + bias + residual; bias and residual may be null, residual may be y.
void winograd_output(const float* products, const TileGrid& grid, int64_t first, int64_t count,
                     int64_t channels, const float* bias, const float* residual, float* y);

}  // namespace ctclip::nn
