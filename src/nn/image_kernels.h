#pragma once

#include <cstdint>

namespace ctclip::nn {

/// Kernels for images (positions, channels), channels innermost and a multiple of 16, float32,
/// single-threaded, chosen at run time for the processor. They never validate.

/// How a group norm, its affine part and a further scale and shift act on one channel:
/// y = (x - mean) * gain + shift. Four rows of `channels` values each.
struct ChannelMap {
  float* mean;
  float* inverse_deviation;  ///< 1 / sqrt(variance + epsilon); gain has it already
  float* gain;
  float* shift;
};

/// Mean and population variance over the positions, for every channel; right also where a channel
/// is nearly constant.
void channel_moments(const float* x, int64_t positions, int64_t channels, double* mean,
                     double* variance);

/// out = (x - mean) * gain + shift; out may be x.
void normalise(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
               float* out);
/// The same followed by silu(u) = u / (1 + exp(-u)).
void normalise_silu(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                    float* out);
/// x = silu(x).
void silu(float* x, int64_t count);

/// grad *= silu'(u) for u = (x - mean) * gain + shift.
void silu_backward(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                   float* grad);
/// Sums over the positions of grad and of grad * (x - mean), for every channel.
void gradient_sums(const float* x, const float* grad, int64_t positions, int64_t channels,
                   const float* mean, double* sum, double* product);
/// out += grad * gain + (x - mean) * slope + offset; slope and offset (channels).
void normalise_backward(const float* x, const float* grad, int64_t positions, int64_t channels,
                        const ChannelMap& map, const float* slope, const float* offset, float* out);

/// (2 h, 2 w, channels) -> (h, w, channels), mean of four.
void average_pool(const float* x, int64_t h, int64_t w, int64_t channels, float* out);
/// (h, w, channels) -> (2 h, 2 w, channels), each value `factor` times in four places.
void repeat_2x2(const float* x, int64_t h, int64_t w, int64_t channels, float factor, float* out);

/// out (positions, a + b) = x (positions, a) beside y (positions, b).
void concatenate(const float* x, int64_t a, const float* y, int64_t b, int64_t positions,
                 float* out);

/// One image for Winograd's convolution (Lavin & Gray, arXiv:1509.09308): 3x3, padding 1, output
/// tiles of side 2 or 4, so input tiles of side 4 or 6.
struct TileGrid {
  int64_t height, width;  ///< of the image
  int64_t side;           ///< of an output tile: 2 or 4
  int64_t across() const { return (width + side - 1) / side; }
  int64_t tiles() const { return (height + side - 1) / side * across(); }
  int64_t points() const { return (side + 2) * (side + 2); }
};

/// Tiles [first, first + count) of x (height, width, channels) -> out (points, count, channels):
/// B^T d B of each.
void winograd_input(const float* x, const TileGrid& grid, int64_t first, int64_t count,
                    int64_t channels, float* out);
/// products (points, count, channels) -> y (height, width, channels) = A^T m A + bias + residual;
/// bias and residual may be null, residual may be y.
void winograd_output(const float* products, const TileGrid& grid, int64_t first, int64_t count,
                     int64_t channels, const float* bias, const float* residual, float* y);

}  // namespace ctclip::nn
