#include "nn/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "golden.h"
#include "nn/bf16_rows.h"

namespace ctclip {
namespace {

using testing::normal_tensor;

// 1 and 3 are less than any vector, 47 is no multiple of one, 64 is.
constexpr int64_t kCounts[] = {1, 3, 16, 47, 64};

class Search : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { nn::limit_instruction_set(GetParam()); }
  void TearDown() override { nn::limit_instruction_set("AVX3"); }
};

TEST_P(Search, FindsTheLargestWhereverItIs) {
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

TEST_P(Search, GoesOnFromWhereItWas) {
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

INSTANTIATE_TEST_SUITE_P(InstructionSets, Search,
                         ::testing::Values("EMU128", "SSE4", "AVX2", "AVX3"));

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
