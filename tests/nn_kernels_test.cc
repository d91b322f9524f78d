#include "nn/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "golden.h"
#include "instruction_sets.h"
#include "nn/bf16_rows.h"

namespace ctclip {
namespace {

using testing::normal_tensor;

// 1 and 3 are less than any vector, 47 is no multiple of one, 64 is.
constexpr int64_t kCounts[] = {1, 3, 16, 47, 64};

class Kernels : public testing::EachInstructionSet {};

TEST_P(Kernels, FindTheLargestWhereverItIs) {
  for (const int64_t count : kCounts) {
    std::vector<float> x(static_cast<std::size_t>(count), -3);
    for (std::size_t at = 0; at < x.size(); ++at) {
      x[at] = -2;
      EXPECT_EQ(nn::largest(x.data(), count), -2);
      EXPECT_EQ(nn::find_at_least(x.data(), 0, count, -2), static_cast<int64_t>(at));
      x[at] = -3;
    }
  }
}

TEST_P(Kernels, SearchGoesOnFromWhereItWas) {
  const std::vector<std::size_t> places = {0, 5, 15, 16, 17, 40, 46};
  std::vector<float> x(47, 0);
  for (const std::size_t place : places) x[place] = 1;
  x[20] = NAN;  // is neither less nor more
  std::vector<std::size_t> found;
  const auto next = [&](int64_t from) { return nn::find_at_least(x.data(), from, 47, 0.5F); };
  for (int64_t at = next(0); at < 47; at = next(at + 1)) {
    found.push_back(static_cast<std::size_t>(at));
  }
  EXPECT_EQ(found, places);
  EXPECT_EQ(nn::find_at_least(x.data(), 0, 47, 2), 47);
  EXPECT_EQ(nn::find_at_least(x.data(), 47, 47, 0), 47);
}

// Values spread evenly over a row.
Tensor spread(int64_t count, float from, float to) {
  Tensor out = Tensor::uninitialised({count});
  for (int64_t i = 0; i < count; ++i) {
    out.data()[i] = from + (to - from) * static_cast<float>(i) / static_cast<float>(count - 1);
  }
  return out;
}

// vectors-inl.h promises 2^-22 and 2^-23 of the argument, which is itself rounded; a float32
// sum adds a rounding for each summand.
TEST_P(Kernels, SoftmaxIsThatOfTheDefinition) {
  for (const int64_t count : {1, 3, 16, 47, 576}) {
    const Tensor scores = count == 1 ? spread(2, 5, 5) : spread(count, -100, 17);
    const Tensor bias = normal_tensor({count}, 3);
    for (const bool biased : {false, true}) {
      Tensor x = scores.clone();
      float sum = 0;
      nn::softmax_numerator(x.data(), 1, count, biased ? bias.data() : nullptr, &sum);
      double top = -INFINITY;
      std::vector<double> exact;
      for (int64_t i = 0; i < count; ++i) {
        exact.push_back(double{scores.data()[i]} + (biased ? double{bias.data()[i]} : 0));
        top = std::max(top, exact.back());
      }
      double total = 0;
      for (int64_t i = 0; i < count; ++i) {
        const double u = exact[static_cast<std::size_t>(i)] - top;
        const double share = 0x1p-22 + 0x1p-23 * std::abs(u) + 2 * 0x1p-24 * 120;
        ASSERT_NEAR(x.data()[i], std::exp(u), share * std::exp(u) + 3e-38) << u;
        total += std::exp(u);
      }
      EXPECT_NEAR(sum, total, total * (0x1p-20 + static_cast<double>(count) * 0x1p-24));
    }
  }
}

TEST_P(Kernels, SoftmaxDoesNotHideWhatIsNoNumber) {
  std::vector<float> x(47, 1);
  x[40] = NAN;
  float sum = 0;
  nn::softmax_numerator(x.data(), 1, 47, nullptr, &sum);
  EXPECT_TRUE(std::isnan(x[40]));
  EXPECT_TRUE(std::isnan(sum));
}

// The share of both tails is off by 2^-22 at most, half of which counts; 6 deviations from the
// middle it stays as it is, 2e-9.
TEST_P(Kernels, GeluIsThatOfTheDefinition) {
  for (const auto& [from, to] : {std::pair{-12.0F, 12.0F}, std::pair{-0.01F, 0.01F}}) {
    const Tensor x = spread(20001, from, to);
    Tensor y = x.clone();
    nn::gelu(y.data(), y.size());
    for (int64_t i = 0; i < x.size(); ++i) {
      const double value = x.data()[i];
      const double exact = value / 2 * std::erfc(-value / std::sqrt(2.0));
      ASSERT_NEAR(y.data()[i], exact, std::abs(value) * 0x1p-23 + std::abs(exact) * 0x1p-23)
          << value;
    }
  }
  float odd[] = {NAN, INFINITY, -0.0F, -1e30F};
  nn::gelu(odd, 4);
  EXPECT_TRUE(std::isnan(odd[0]));
  EXPECT_EQ(odd[1], INFINITY);
  EXPECT_EQ(odd[2], 0);
  EXPECT_NEAR(odd[3], 0, 1e30 * 2e-9);
}

TEST_P(Kernels, GegluMultipliesTheGates) {
  constexpr int64_t kRows = 3, kDim = 47;
  const Tensor x = normal_tensor({kRows, 2 * kDim}, 7);
  std::vector<float> out(kRows * kDim + 1, 1234);
  nn::geglu(x.data(), kRows, kDim, out.data());
  for (int64_t i = 0; i < kRows * kDim; ++i) {
    const int64_t at = i / kDim * 2 * kDim + i % kDim;
    float gate = x.data()[at + kDim];
    nn::gelu(&gate, 1);
    EXPECT_EQ(out[static_cast<std::size_t>(i)], x.data()[at] * gate);
  }
  EXPECT_EQ(out.back(), 1234);
}

struct Row {
  int64_t frames, rows, width, dim;
};

// By the definition: 27 products, a bias and the token itself, a rounding for each at most.
TEST_P(Kernels, DepthwiseConvolutionIsThatOfTheDefinition) {
  for (const Row& g : {Row{4, 3, 24, 32}, Row{1, 1, 1, 16}, Row{2, 2, 5, 3}, Row{5, 3, 13, 47}}) {
    const Tensor x = normal_tensor({g.frames, g.rows, g.width, g.dim}, 1);
    const Tensor weight = normal_tensor({27, g.dim}, 2);
    const Tensor bias = normal_tensor({g.dim}, 3);
    Tensor out = Tensor::zeros(x.shape());
    for (int64_t row = 0; row < g.rows; ++row) {
      const nn::DepthwiseRow job{x.data(),      g.frames,    g.rows,     g.width, g.dim,
                                 weight.data(), bias.data(), out.data(), row};
      const int64_t half = g.width / 2;
      nn::depthwise_row(job, 0, half);
      nn::depthwise_row(job, half, g.width);
    }
    for (int64_t i = 0; i < x.size(); ++i) {
      const int64_t c = i % g.dim;
      const int64_t w = i / g.dim % g.width;
      const int64_t h = i / g.dim / g.width % g.rows;
      const int64_t t = i / g.dim / g.width / g.rows;
      double sum = double{bias.data()[c]} + x.data()[i];
      double magnitude = std::abs(double{bias.data()[c]}) + std::abs(double{x.data()[i]});
      for (int64_t tap = 0; tap < 27; ++tap) {
        const int64_t from_t = t + tap / 9 - 2;
        const int64_t from_h = h + tap / 3 % 3 - 1;
        const int64_t from_w = w + tap % 3 - 1;
        if (from_t < 0 || from_h < 0 || from_h >= g.rows || from_w < 0 || from_w >= g.width) {
          continue;
        }
        const int64_t at = ((from_t * g.rows + from_h) * g.width + from_w) * g.dim + c;
        const double product = double{weight.data()[tap * g.dim + c]} * x.data()[at];
        sum += product;
        magnitude += std::abs(product);
      }
      ASSERT_NEAR(out.data()[i], sum, magnitude * 29 * 0x1p-24) << i << " of width " << g.width;
    }
  }
}

INSTANTIATE_INSTRUCTION_SETS(Kernels);

TEST(RowsBf16, AreRoundedToTheNearestAndNothingBehindThemIsTouched) {
  NEEDS_BF16();
  for (const int64_t count : kCounts) {
    const Tensor x = normal_tensor({count}, static_cast<unsigned>(count));
    std::vector<Bfloat16> out(static_cast<std::size_t>(count) + 1, 0x1234);
    nn::round_values(x.data(), count, out.data());
    double squares = 0;
    for (int64_t i = 0; i < count; ++i) {
      const Bfloat16 rounded = out[static_cast<std::size_t>(i)];
      ASSERT_EQ(rounded, round_bf16(x.data()[i]));
      const double lost = static_cast<double>(x.data()[i]) - widen_bf16(rounded);
      squares += lost * lost;
    }
    EXPECT_EQ(out.back(), 0x1234);
    // A float32 sum of so many squares, and a root.
    const double tolerance = std::sqrt(squares) * static_cast<double>(count + 2) * 0x1p-24;
    EXPECT_NEAR(nn::rounding_distance(x.data(), out.data(), count), std::sqrt(squares), tolerance);
  }
}

TEST(RowsBf16, GegluIsCloserThanItsRounding) {
  NEEDS_BF16();
  constexpr int64_t kRows = 3, kDim = 333;
  Tensor x = normal_tensor({kRows, 2 * kDim}, 7);
  for (int64_t row = 0; row < kRows; ++row) {
    float* gates = x.data() + row * 2 * kDim + kDim;
    for (int64_t i = 0; i < kDim; ++i) {  // from -8 to 8
      gates[i] = 16 * static_cast<float>(row * kDim + i) / static_cast<float>(kRows * kDim - 1) - 8;
    }
  }
  std::vector<Bfloat16> out(kRows * kDim + 1, 0x1234);
  nn::geglu_bf16(x.data(), kRows, kDim, out.data());
  for (int64_t i = 0; i < kRows * kDim; ++i) {
    const int64_t at = i / kDim * 2 * kDim + i % kDim;
    const double value = x.data()[at];
    const double gate = x.data()[at + kDim];
    const double exact = value * gate * std::erfc(-gate / std::sqrt(2.0)) / 2;
    // Of the logit 1e-4, of the reciprocal 2^-14, of the exponential 3e-6; then rounding. Below -5
    // the normal distribution stays at that of -5.
    const double off =
        std::abs(exact) * (0x1p-8 + 2e-4) + (gate < -5 ? 3e-7 * std::abs(value * gate) : 0);
    ASSERT_NEAR(widen_bf16(out[static_cast<std::size_t>(i)]), exact, off) << gate;
  }
  EXPECT_EQ(out.back(), 0x1234);
}

}  // namespace
}  // namespace ctclip
