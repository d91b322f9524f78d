#include "nn/attention_kernels.h"

#include <algorithm>
#include <cmath>

#include "nn/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/attention_kernels.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

#include "nn/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ctclip::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kValuePanel>;
using V = hn::Vec<D>;
constexpr D kTag;
constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

HWY_INLINE V load(const float* x) { return hn::LoadU(kTag, x); }
HWY_INLINE void store(V v, float* to) { hn::StoreU(v, kTag, to); }

// A few rows of queries, and what is made of them.
struct Rows {
  const float* queries;    // (dim, rows)
  const float* bias;       // (rows, length), or null
  const float* next_bias;  // what will be wanted after it, or null
  float* scores;           // (rows, width), then their softmax's numerators
  int64_t width;           // length, filled up to whole panels
};

// Scores with two vectors of keys from `key` on, and the largest so far. Unless kAll, some of the
// keys only fill up the panel: nothing attends to them. Meanwhile the bias that is next comes into
// the cache: all of it is read once for each sequence, and is larger than the caches.
template <bool kAll, int kCount>
HWY_INLINE void score_keys(const Rows& rows, const PackedHead<float>& head, int64_t key,
                           V (&largest)[kCount]) {
  V sums[kCount][2];
  HWY_UNROLL(8)
  for (auto& line : sums) line[0] = line[1] = hn::Zero(kTag);
  if (rows.bias != nullptr) {
    HWY_UNROLL(8)
    for (int i = 0; i < kCount; ++i) {
      for (int j = 0; j < 2; ++j) {
        const int64_t column = key + j * kLanes;
        const float* bias = rows.bias + i * head.length + column;
        sums[i][j] = kAll ? load(bias) : load_first(kTag, bias, head.length - column);
      }
    }
  }
  for (int i = 0; rows.next_bias != nullptr && i < kCount; ++i) {
    __builtin_prefetch(rows.next_bias + i * head.length + key, 0, 2);
    __builtin_prefetch(rows.next_bias + i * head.length + key + kLanes, 0, 2);
  }
  const float* keys = head.keys + key / kKeyPanel * kKeyPanel * head.dim + key % kKeyPanel;
  add_products(
      kTag, [&](int64_t i, int64_t k) { return rows.queries[k * kCount + i]; }, keys, head.dim,
      kKeyPanel, sums);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) {
    for (int j = 0; j < 2; ++j) {
      const int64_t column = key + j * kLanes;
      V score = sums[i][j];
      if constexpr (!kAll) {
        const auto there = std::clamp<int64_t>(head.length - column, 0, kLanes);
        score = hn::IfThenElse(hn::FirstN(kTag, static_cast<std::size_t>(there)), score,
                               hn::Set(kTag, -INFINITY));
      }
      largest[i] = hn::Max(largest[i], score);
      store(score, rows.scores + i * rows.width + column);
    }
  }
}

// These two are functions of their own: elsewhere the compiler has other things in the registers
// that their sums need.

// All scores of the rows, and the largest of each.
template <int kCount>
HWY_NOINLINE void score_rows(const Rows& rows, const PackedHead<float>& head, float* tops) {
  V largest[kCount];
  for (V& top : largest) top = hn::Set(kTag, -INFINITY);
  int64_t key = 0;
  for (; key + 2 * kLanes <= head.length; key += 2 * kLanes) {
    score_keys<true>(rows, head, key, largest);
  }
  for (; key < rows.width; key += 2 * kLanes) score_keys<false>(rows, head, key, largest);
  for (int i = 0; i < kCount; ++i) tops[i] = hn::GetLane(hn::MaxOfLanes(kTag, largest[i]));
}

// kVectors vectors of columns of the values, from `column` on, weighed: to out (rows, stride).
template <int kCount, int kVectors>
HWY_NOINLINE void weigh_values(const Rows& rows, const PackedHead<float>& head, int64_t column,
                               int64_t stride, float* out) {
  V sums[kCount][kVectors];
  HWY_UNROLL(8)
  for (auto& line : sums) {
    for (V& sum : line) sum = hn::Zero(kTag);
  }
  add_products(
      kTag, [&](int64_t i, int64_t k) { return rows.scores[i * rows.width + k]; },
      head.values + column, head.length, stride, sums);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) {
    for (int j = 0; j < kVectors; ++j) store(sums[i][j], out + i * stride + column + j * kLanes);
  }
}

// exp(scores - top) in place, and the sum of it.
HWY_NOINLINE float softmax_numerator(float* scores, float top, int64_t width) {
  const V shift = hn::Set(kTag, top);
  V sum = hn::Zero(kTag);
  for (int64_t i = 0; i < width; i += kLanes) {
    const V e = exponential(kTag, hn::Sub(load(scores + i), shift));
    sum = hn::Add(sum, e);
    store(e, scores + i);
  }
  return hn::GetLane(hn::SumOfLanes(kTag, sum));
}

template <int kCount>
void attend_rows(const HeadRows<const float>& q, const PackedHead<float>& head, const float* bias,
                 const float* next_bias, const HeadRows<float>& out, float* scratch) {
  const int64_t width = round_up(head.length, kKeyPanel);
  const int64_t stride = round_up(head.dim, kValuePanel);
  float* queries = scratch + kCount * width;
  float* weighed = queries + kCount * head.dim;
  for (int i = 0; i < kCount; ++i) {
    for (int64_t k = 0; k < head.dim; ++k) queries[k * kCount + i] = q.data[i * q.stride + k];
  }
  const Rows rows{queries, bias, next_bias, scratch, width};
  float tops[kCount];
  float sums[kCount];
  score_rows<kCount>(rows, head, tops);
  for (int i = 0; i < kCount; ++i) sums[i] = softmax_numerator(scratch + i * width, tops[i], width);
  int64_t column = 0;
  for (; column + 2 * kLanes <= stride; column += 2 * kLanes) {
    weigh_values<kCount, 2>(rows, head, column, stride, weighed);
  }
  if (column < stride) weigh_values<kCount, 1>(rows, head, column, stride, weighed);
  for (int i = 0; i < kCount; ++i) {
    for (int64_t c = 0; c < head.dim; ++c) {
      out.data[i * out.stride + c] = weighed[i * stride + c] / sums[i];
    }
  }
}

void attend(const HeadRows<const float>& q, const PackedHead<float>& head, const float* bias,
            const HeadRows<float>& out, float* scratch) {
  int64_t row = 0;
  const auto bias_of = [&](int64_t first, int64_t rows) {
    return bias == nullptr || first + rows > q.rows ? nullptr : bias + first * head.length;
  };
  const auto rows_from = [&](const auto& all) {
    auto rest = all;
    rest.data += row * all.stride;
    return rest;
  };
  for (; row + kSumRows <= q.rows; row += kSumRows) {
    attend_rows<kSumRows>(rows_from(q), head, bias_of(row, kSumRows),
                          bias_of(row + kSumRows, kSumRows), rows_from(out), scratch);
  }
  for (; row < q.rows; ++row) {
    attend_rows<1>(rows_from(q), head, bias_of(row, 1), nullptr, rows_from(out), scratch);
  }
}

}  // namespace ctclip::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ctclip::nn {

HWY_EXPORT(attend);

PackedHead<float> pack_head(const float* keys, const float* values, int64_t stride, int64_t length,
                            int64_t dim, float* memory) {
  const int64_t padded = round_up(length, kKeyPanel);
  float* packed_keys = memory;
  float* packed_values = memory + padded * dim;
  for (int64_t key = 0; key < padded; ++key) {
    float* to = packed_keys + key / kKeyPanel * kKeyPanel * dim + key % kKeyPanel;
    for (int64_t i = 0; i < dim; ++i) to[i * kKeyPanel] = key < length ? keys[key * stride + i] : 0;
  }
  const int64_t row = round_up(dim, kValuePanel);
  for (int64_t key = 0; key < length; ++key) {
    float* to = packed_values + key * row;
    std::fill(std::copy_n(values + key * stride, dim, to), to + row, 0.0F);
  }
  return {packed_keys, packed_values, length, dim};
}

void attend(const HeadRows<const float>& q, const PackedHead<float>& head, const float* bias,
            const HeadRows<float>& out, float* scratch) {
  HWY_DYNAMIC_DISPATCH(attend)(q, head, bias, out, scratch);
}

}  // namespace ctclip::nn
#endif
