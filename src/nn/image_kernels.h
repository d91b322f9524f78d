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

/// Adds the sums over the positions of x - about and of its square, for every channel.
void add_moments(const float* x, int64_t positions, int64_t channels, const float* about,
                 double* sum, double* squares);

/// out = (x - mean) * gain + shift; out may be x.
void normalise(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
               float* out);
/// The same followed by silu(u) = u / (1 + exp(-u)).
void normalise_silu(const float* x, int64_t positions, int64_t channels, const ChannelMap& map,
                    float* out);
/// x (2 h, 2 w, channels) -> the mean of four of silu(u), and of x itself, (h, w, channels).
void normalise_silu_pool(const float* x, int64_t h, int64_t w, int64_t channels,
                         const ChannelMap& map, float* normed, float* plain);
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

/// (h, w, channels) -> (2 h, 2 w, channels), each value `factor` times in four places.
void repeat_2x2(const float* x, int64_t h, int64_t w, int64_t channels, float factor, float* out);

/// out (positions, a + b) = x (positions, a) beside y (positions, b).
void concatenate(const float* x, int64_t a, const float* y, int64_t b, int64_t positions,
                 float* out);

}  // namespace ctclip::nn
