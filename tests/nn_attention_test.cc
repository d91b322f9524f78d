#include "nn/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "golden.h"
#include "instruction_sets.h"
#include "nn/bf16_kernels.h"

namespace ctclip {
namespace {

using testing::normal_tensor;

struct Head {
  int64_t rows, length, dim;
  bool biased;
};

// A head whose q, k and v lie beside each other, all of them within 4 and q within 1.
class Example {
 public:
  explicit Example(const Head& head)
      : head_(head),
        stride_(3 * head.dim),
        qkv_(normal_tensor({std::max(head.rows, head.length), stride_}, 8)),
        bias_(normal_tensor({head.rows, head.length}, 9)) {
    for (int64_t i = 0; i < qkv_.size(); ++i) {
      float& value = qkv_.data()[i];
      value = std::clamp(value, -4.0F, 4.0F) * (i % stride_ < head.dim ? 0.25F : 1.0F);
    }
  }

  /// By the definition, in double.
  std::vector<double> exact() const {
    std::vector<double> out;
    for (int64_t row = 0; row < head_.rows; ++row) {
      std::vector<double> weights(static_cast<std::size_t>(head_.length));
      double sum = 0;
      for (int64_t key = 0; key < head_.length; ++key) {
        double score = head_.biased ? bias_.data()[row * head_.length + key] : 0;
        for (int64_t i = 0; i < head_.dim; ++i) score += at(row, i) * at(key, head_.dim + i);
        weights[static_cast<std::size_t>(key)] = std::exp(score);
        sum += std::exp(score);
      }
      for (int64_t i = 0; i < head_.dim; ++i) {
        double total = 0;
        for (int64_t key = 0; key < head_.length; ++key) {
          total += weights[static_cast<std::size_t>(key)] / sum * at(key, 2 * head_.dim + i);
        }
        out.push_back(total);
      }
    }
    return out;
  }

  /// Rows of head.dim + 1 values, of which the last is to stay as it is.
  Tensor computed(const nn::Engine& engine) const {
    nn::Workspace work;
    Tensor out = Tensor::uninitialised({head_.rows, head_.dim + 1});
    for (float& value : out.values()) value = kUntouched;
    const nn::HeadAttention attention(head_.length, head_.dim, engine);
    attention({qkv_.data(), head_.rows, stride_}, qkv_.data() + head_.dim,
              qkv_.data() + 2 * head_.dim, stride_, head_.biased ? bias_.data() : nullptr,
              {out.data(), head_.rows, head_.dim + 1}, work);
    return out;
  }

  /// Largest |q| |k|: no product of both is larger.
  double largest_product() const {
    return longest(head_.rows, 0) * longest(head_.length, head_.dim);
  }
  double largest_bias() const {
    double largest = 0;
    for (const float value : bias_.values()) largest = std::max(largest, std::abs(double{value}));
    return head_.biased ? largest : 0;
  }

  static constexpr float kUntouched = 1234;

 private:
  double at(int64_t row, int64_t i) const { return qkv_.data()[row * stride_ + i]; }
  double longest(int64_t rows, int64_t from) const {
    double most = 0;
    for (int64_t row = 0; row < rows; ++row) {
      double squares = 0;
      for (int64_t i = from; i < from + head_.dim; ++i) squares += at(row, i) * at(row, i);
      most = std::max(most, std::sqrt(squares));
    }
    return most;
  }

  Head head_;
  int64_t stride_;
  Tensor qkv_, bias_;
};

struct Difference {
  double largest = 0, root_mean_square = 0;
};

Difference difference(const Head& head, const Tensor& computed, const std::vector<double>& exact) {
  Difference found;
  for (int64_t i = 0; i < head.rows * head.dim; ++i) {
    const float value = computed.data()[i / head.dim * (head.dim + 1) + i % head.dim];
    const double off = std::abs(value - exact[static_cast<std::size_t>(i)]);
    found.largest = std::isnan(off) ? INFINITY : std::max(found.largest, off);
    found.root_mean_square += off * off / static_cast<double>(exact.size());
  }
  found.root_mean_square = std::sqrt(found.root_mean_square);
  for (int64_t row = 0; row < head.rows; ++row) {
    EXPECT_EQ(computed.data()[row * (head.dim + 1) + head.dim], Example::kUntouched);
  }
  return found;
}

class Attention : public testing::EachInstructionSet {
 protected:
  ThreadPool pool_{1};
};

// Sums of dim + 1 and of length summands err by so many roundings of what is summed up at most; an
// exponential by 2^-22 and 2^-22 of its argument, which ranges over twice the largest score. An
// error of a score counts twice: in a weight and in the sum of the weights. Values are within 4.
TEST_P(Attention, IsThatOfTheDefinition) {
  for (const Head& head : {Head{21, 64, 32, true}, Head{8, 576, 32, true}, Head{64, 64, 64, false},
                           Head{24, 24, 32, false}, Head{9, 31, 20, true}, Head{3, 1, 1, true},
                           Head{1, 33, 7, false}, Head{17, 100, 48, true}, Head{12, 2, 8, false}}) {
    SCOPED_TRACE(head.length);
    const Example example(head);
    const double score = example.largest_product() + example.largest_bias();
    const double score_error = static_cast<double>(head.dim + 1) * 0x1p-24 * score;
    const double weight_error = score_error + 0x1p-22 * (1 + 2 * score);
    const double tolerance =
        4 * (2 * weight_error + 2 * static_cast<double>(head.length + 1) * 0x1p-24);
    const Tensor computed = example.computed(nn::Engine(pool_));
    EXPECT_LT(difference(head, computed, example.exact()).largest, tolerance);
  }
}

TEST_P(Attention, ANumberThatIsNoneIsNotHidden) {
  std::vector<float> qkv(3 * 40 * 8, 0.5F);
  qkv[39 * 24 + 8] = NAN;  // of the last key
  std::vector<float> out(40 * 8, 0);
  nn::Workspace work;
  nn::HeadAttention(40, 8, nn::Engine(pool_))({qkv.data(), 40, 24}, qkv.data() + 8, qkv.data() + 16,
                                              24, nullptr, {out.data(), 40, 8}, work);
  for (const float value : out) ASSERT_TRUE(std::isnan(value));
}

INSTANTIATE_INSTRUCTION_SETS(Attention);

// Rounding to 8 significant bits is off by at most this share of a value. Rounding both factors
// moves a score by 2 roundings of it; weights change by that and their own rounding, values of at
// most 4 by theirs; all of it in the worst case.
TEST(AttentionBf16, IsWithinTheRoundingOfItsFactors) {
  NEEDS_BF16();
  constexpr double kRounding = 0x1p-8;
  ThreadPool pool(1);
  for (const Head& head : {Head{21, 64, 32, true}, Head{8, 576, 32, true}, Head{64, 64, 64, false},
                           Head{5, 16, 16, false}}) {
    ASSERT_TRUE(nn::attends_bf16(head.length, head.dim));
    const Example example(head);
    const double tolerance = 4 * kRounding * (2 * 2 * example.largest_product() + 2);
    const Tensor computed = example.computed(nn::Engine(pool, nn::Precision::bf16));
    const Difference found = difference(head, computed, example.exact());
    EXPECT_LT(found.largest, tolerance);
    // Roundings are independent: much less on average, and never nothing.
    EXPECT_LT(found.root_mean_square, tolerance / 10);
    EXPECT_GT(found.root_mean_square, kRounding / 100);
  }
}

}  // namespace
}  // namespace ctclip
