#pragma once

#include <cstdint>

namespace ctclip::nn {

/// Row kernels: float32, single-threaded, chosen at run time for the processor (AVX-512, AVX2,
/// SSE4, plain). They never validate: layers do, when they are built. Rows are dense unless a
/// leading dimension is given.

/// out = (x - mean) / sqrt(variance + epsilon) * gamma + beta over each row of `dim` values; out
/// may be x. Ba et al., arXiv:1607.06450; population variance, as torch.nn.LayerNorm.
void layer_norm(const float* x, int64_t rows, int64_t dim, const float* gamma, const float* beta,
                float epsilon, float* out);

/// out (rows, dim) = x[:, :dim] * gelu(x[:, dim:]), gelu(g) = g/2 * (1 + erf(g / sqrt 2)); x (rows,
/// 2 dim). Shazeer, arXiv:2002.05202.
void geglu(const float* x, int64_t rows, int64_t dim, float* out);

/// x = gelu(x), the erf form (Hendrycks & Gimpel, arXiv:1606.08415).
void gelu(float* x, int64_t count);

/// x = v < 0 ? slope * v : v.
void leaky_relu(float* x, int64_t count, float slope);

/// For each of `rows` rows (leading dimension `stride`) and each of `heads` parts of `dim` values:
/// part = part / max(|part|, 1e-12) * scale. `scale` (dim) may be null for ones.
void unit_heads(float* x, int64_t rows, int64_t stride, int64_t heads, int64_t dim,
                const float* scale);

/// Row-wise exp(x + bias - max(x + bias)) in place; the sums go to `sums` and the division is left
/// to the caller, who has fewer values to divide. `bias` (rows, dim) may be null.
void softmax_numerator(float* x, int64_t rows, int64_t dim, const float* bias, float* sums);

/// Divides row r of out (leading dimension `stride`, `dim` values) by sums[r].
void divide_rows(float* out, int64_t rows, int64_t stride, int64_t dim, const float* sums);

/// A depthwise 3x3x3 convolution over a grid of tokens, zero padding, causal over the frames (two
/// before, none after): one row of every frame.
struct DepthwiseRow {
  const float* x;  // (frames, rows, width, dim)
  int64_t frames, rows, width, dim;
  const float* weight;  // (27, dim): taps of the frames, rows and tokens before to behind
  const float* bias;    // (dim)
  float* out;           // as x, another buffer
  int64_t row;
};
/// out = x + convolution of x, for the tokens [begin, end) of the row in every frame.
void depthwise_row(const DepthwiseRow& job, int64_t begin, int64_t end);

/// Inner product, accumulated in float over short runs and in double across them.
double dot(const float* a, const float* b, int64_t count);

/// y += x.
void add(const float* x, int64_t count, float* y);

/// The largest of `count` values.
float largest(const float* x, int64_t count);

/// Index of the first of x[begin, end) that is at least `bound`; `end` where there is none.
int64_t find_at_least(const float* x, int64_t begin, int64_t end, float bound);

/// Name of the instruction set that the kernels use now, and a limit: only "EMU128" | "SSE4" |
/// "AVX2" | "AVX3" and below are used from now on.
const char* instruction_set();
void limit_instruction_set(const char* name);

}  // namespace ctclip::nn
