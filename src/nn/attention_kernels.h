#pragma once

#include <cstdint>

namespace ctclip::nn {

/// Attention of one head, softmax(q k^T + bias) v, a few rows of queries at a time: the matrix of
/// all scores never exists. float32, single-threaded, chosen at run time for the processor; the
/// sums start with the bias. They never validate.

/// The keys and values of a head, packed for a kernel.
template <class Float>
struct PackedHead {
  const Float* keys;
  const Float* values;
  int64_t length, dim;
};

/// Rows of queries, or of what is made of them: (rows, dim), `stride` floats from row to row.
template <class Float>
struct HeadRows {
  Float* data;
  int64_t rows, stride;
};

/// Keys beside each other in a panel, and values to whose multiple a row is filled up.
constexpr int64_t kKeyPanel = 32;
constexpr int64_t kValuePanel = 16;
/// Rows of queries at a time, at most.
constexpr int64_t kAttended = 8;

constexpr int64_t round_up(int64_t count, int64_t step) { return (count + step - 1) / step * step; }
/// Floats of memory for a packed head, and of scratch memory for attention with it; those of
/// bfloat16 (bf16_kernels.h) need no more.
constexpr int64_t packed_head_floats(int64_t length, int64_t dim) {
  return round_up(length, kKeyPanel) * dim + length * round_up(dim, kValuePanel);
}
constexpr int64_t attend_scratch(int64_t length, int64_t dim) {
  return kAttended * (2 * round_up(length, kKeyPanel) + 2 * round_up(dim, kValuePanel));
}

/// Packs keys and values, both (length, dim) with `stride` floats from row to row: keys (panels of
/// 32, dim, 32), values (length, dim), both filled up with zeros.
PackedHead<float> pack_head(const float* keys, const float* values, int64_t stride, int64_t length,
                            int64_t dim, float* memory);
/// out = softmax(q k^T + bias) v; bias (rows, length) or null.
void attend(const HeadRows<const float>& q, const PackedHead<float>& head, const float* bias,
            const HeadRows<float>& out, float* scratch);

}  // namespace ctclip::nn
