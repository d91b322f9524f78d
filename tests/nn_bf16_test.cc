#include "nn/bf16_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "golden.h"
#include "nn/convolution.h"

namespace ctclip {
namespace {

using testing::normal_tensor;

// Rounding to 8 significant bits is off by at most this share of a value; its mean square is a
// third of the largest one's.
constexpr double kRounding = 0x1p-8;

class Bf16 : public ::testing::Test {
 protected:
  void SetUp() override { NEEDS_BF16(); }
  ThreadPool pool_{1};
  nn::Engine engine_{pool_, nn::Precision::bf16};
  nn::Workspace work_;
};

Tensor whole_numbers(const Shape& shape, int64_t most, float step, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int64_t> distribution(-most, most);
  Tensor out = Tensor::uninitialised(shape);
  for (float& value : out.values()) value = step * static_cast<float>(distribution(generator));
  return out;
}

Tensor convolve(const Tensor& weight, const Tensor& x, const nn::Fused& fused,
                nn::ConvolutionMethod method, const nn::Engine& engine, nn::Workspace& work) {
  const nn::Convolution layer(weight, {}, {x.dim(0), x.dim(1)}, 1, engine, method);
  Tensor y = Tensor::uninitialised({x.dim(0), x.dim(1), layer.out()});
  layer(x.data(), y.data(), work, nullptr, fused);
  return y;
}

struct Shape3x3 {
  int64_t in, out, height, width;
};
// 48 channels are one and a half pairs of vectors; 7, 9, 13 are odd; 70 rows are several bands.
constexpr Shape3x3 kShapes[] = {{32, 32, 70, 70},  {64, 48, 7, 9}, {16, 64, 16, 16},
                                {144, 32, 18, 21}, {32, 32, 1, 2}, {128, 128, 13, 8}};

TEST_F(Bf16, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(widen_bf16(round_bf16(1 + 0x1p-8F)), 1.0F);             // a tie, down to even
  EXPECT_EQ(widen_bf16(round_bf16(1 + 0x3p-8F)), 1 + 0x2p-7F);      // a tie, up to even
  EXPECT_EQ(widen_bf16(round_bf16(-1 - 0x1.2p-8F)), -1 - 0x1p-7F);  // beyond a tie
  EXPECT_EQ(widen_bf16(round_bf16(0x1.FFp127F)), INFINITY);
}

// Sums of four x up to 15 and of nine weights in quarters up to 9 are whole numbers below 256,
// which bfloat16 holds.
TEST_F(Bf16, ConvolutionIsExactForWhatBfloat16Holds) {
  for (const auto& [in, out, height, width] : kShapes) {
    const Tensor x = whole_numbers({height, width, in}, 15, 1, 1);
    const Tensor weight = whole_numbers({out, in, 3, 3}, 1, 4, 2);
    const Tensor rounded =
        convolve(weight, x, {}, nn::ConvolutionMethod::winograd_2_bf16, engine_, work_);
    const Tensor exact = convolve(weight, x, {}, nn::ConvolutionMethod::direct, engine_, work_);
    EXPECT_TRUE(std::ranges::equal(rounded.values(), exact.values()))
        << in << " -> " << out << ", " << height << "x" << width;
  }
}

// F(2x2, 3x3) adds up, in each direction, products of standard deviations sqrt(2) and twice
// sqrt(3/2) where the definition has three of 1: errors of independent roundings are 5/3 of those
// of the definition, sqrt(2/3) roundings of sqrt(9 in). Five times that is not met in 200,000
// draws.
TEST_F(Bf16, ConvolutionIsWithinTheRoundingOfItsTiles) {
  for (const auto& [in, out, height, width] : kShapes) {
    const Tensor x = normal_tensor({height, width, in}, 3);
    const Tensor weight = normal_tensor({out, in, 3, 3}, 4);
    const Tensor rounded =
        convolve(weight, x, {}, nn::ConvolutionMethod::winograd_2_bf16, engine_, work_);
    const Tensor exact = convolve(weight, x, {}, nn::ConvolutionMethod::direct, engine_, work_);
    const double deviation =
        5.0 / 3 * std::sqrt(2.0 / 3) * kRounding * std::sqrt(9 * static_cast<double>(in));
    double squares = 0;
    for (int64_t i = 0; i < exact.size(); ++i) {
      const double off = static_cast<double>(rounded.data()[i]) - exact.data()[i];
      ASSERT_LT(std::abs(off), 5 * deviation) << i << " of " << in << " -> " << out;
      squares += off * off / static_cast<double>(exact.size());
    }
    EXPECT_LT(std::sqrt(squares), deviation);
    EXPECT_GT(std::sqrt(squares), deviation / 10) << "nothing was rounded";
  }
}

TEST_F(Bf16, ConvolutionTakesOverItsNeighboursWork) {
  for (const auto& [in, out, height, width] : kShapes) {
    const Tensor x = normal_tensor({height, width, in}, 5);
    const Tensor weight = normal_tensor({out, in, 3, 3}, 6);
    Tensor rows = normal_tensor({4, in}, 7);
    const nn::ChannelMap map{rows.data(), rows.data() + in, rows.data() + 2 * in,
                             rows.data() + 3 * in};
    nn::ChannelMoments moments(out);
    const Tensor fused = convolve(weight, x, {&map, &moments},
                                  nn::ConvolutionMethod::winograd_2_bf16, engine_, work_);
    Tensor active = Tensor::uninitialised(x.shape());
    nn::normalise_silu_bf16(x.data(), height * width, in, map, active.data());
    const Tensor alone =
        convolve(weight, active, {}, nn::ConvolutionMethod::winograd_2_bf16, engine_, work_);
    EXPECT_TRUE(std::ranges::equal(fused.values(), alone.values()));
    nn::ChannelMoments again(out);
    again.add(alone.data(), height * width);
    const double unit = 1e-6 * static_cast<double>(9 * in);  // sums in another order, in float32
    for (int64_t c = 0; c < out; ++c) EXPECT_NEAR(moments.mean(c), again.mean(c), unit);
  }
}

// exp is off by 3e-6 and the reciprocal by 2^-14; both are shares of the result.
TEST_F(Bf16, SiluIsCloserThanWhatIsRoundedAfterIt) {
  constexpr int64_t kChannels = 32, kPositions = 2001;
  Tensor x = Tensor::uninitialised({kPositions, kChannels});
  for (int64_t i = 0; i < x.size(); ++i) {
    x.data()[i] = -200 + 400 * static_cast<float>(i) / static_cast<float>(x.size());
  }
  std::vector<float> zero(kChannels, 0), one(kChannels, 1);
  Tensor y = Tensor::uninitialised(x.shape());
  nn::normalise_silu_bf16(x.data(), kPositions, kChannels,
                          {zero.data(), one.data(), one.data(), zero.data()}, y.data());
  for (int64_t i = 0; i < x.size(); ++i) {
    const double u = x.data()[i];
    const double exact = u / (1 + std::exp(-u));
    // exp(-u) is of one part in 2^24 of u itself, too; below 1e-38 there is nothing.
    const double share = 3e-6 + 0x1p-14 + 0x1p-23 * std::abs(u);
    ASSERT_NEAR(y.data()[i], exact, share * std::abs(exact) + 1e-36) << u;
  }
}

TEST_F(Bf16, PoolsWhatIsActivated) {
  constexpr int64_t kChannels = 32, kHeight = 3, kWidth = 5;
  const Tensor x = normal_tensor({2 * kHeight, 2 * kWidth, kChannels}, 10);
  Tensor rows = normal_tensor({4, kChannels}, 11);
  const nn::ChannelMap map{rows.data(), rows.data() + kChannels, rows.data() + 2 * kChannels,
                           rows.data() + 3 * kChannels};
  Tensor normed = Tensor::uninitialised({kHeight, kWidth, kChannels});
  Tensor plain = Tensor::uninitialised(normed.shape());
  Tensor normed_f32 = Tensor::uninitialised(normed.shape());
  Tensor plain_f32 = Tensor::uninitialised(normed.shape());
  nn::normalise_silu_pool_bf16(x.data(), kHeight, kWidth, kChannels, map, normed.data(),
                               plain.data());
  nn::normalise_silu_pool(x.data(), kHeight, kWidth, kChannels, map, normed_f32.data(),
                          plain_f32.data());
  for (int64_t i = 0; i < normed.size(); ++i) {
    // Each of the four is off by a 2^-14 of it and float32's own rounding; values are below 32.
    ASSERT_NEAR(normed.data()[i], normed_f32.data()[i], 32 * (0x1p-14 + 1e-5));
    ASSERT_NEAR(plain.data()[i], plain_f32.data()[i], 32 * 0x1p-23);
  }
}

}  // namespace
}  // namespace ctclip
