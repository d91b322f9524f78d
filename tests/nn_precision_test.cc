#include "nn/precision.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "golden.h"
#include "models/image_encoder.h"
#include "nn/kernels.h"
#include "nn/matmul.h"

namespace ctclip {
namespace {

using testing::golden;
using testing::golden_weights;
using testing::normal_tensor;
using testing::relative_distance;

// bfloat16 has 8 significant bits: rounding to nearest is off by at most this share of a value.
constexpr double kRounding = 0x1p-8;
const models::CtVitGeometry kTiny{40, 80, 80, 10, 20};

struct Halves {
  ThreadPool pool{2};
  nn::Engine f32{pool};
  nn::Engine bf16{pool, nn::Precision::bf16};
};

TEST(Precision, IsChosenByName) {
  EXPECT_EQ(nn::precision_of("f32", false), nn::Precision::f32);
  EXPECT_EQ(nn::precision_of("bf16", true), nn::Precision::bf16);
  EXPECT_THROW(nn::precision_of("bf16", false), Error);
  EXPECT_THROW(nn::precision_of("f16", true), Error);
}

TEST(LinearBf16, IsWithinTheRoundingOfItsFactors) {
  NEEDS_BF16();
  Halves halves;
  constexpr int64_t kRows = 37, kIn = 333, kOut = 65;
  const Tensor x = normal_tensor({kRows, kIn}, 1);
  const Tensor weight = normal_tensor({kOut, kIn}, 2);
  const Tensor bias = normal_tensor({kOut}, 3);
  const nn::Linear linear(weight, bias, halves.bf16);
  Tensor y = normal_tensor({kRows, kOut}, 4);
  const Tensor before = y.clone();
  linear(x.data(), kRows, y.data(), /*add_to_y=*/true);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t o = 0; o < kOut; ++o) {
      double exact = bias.data()[o] + before.data()[r * kOut + o];
      double magnitude = 0;
      for (int64_t i = 0; i < kIn; ++i) {
        const double term = static_cast<double>(x.data()[r * kIn + i]) * weight.data()[o * kIn + i];
        exact += term;
        magnitude += std::abs(term);
      }
      // Both factors are rounded; the float32 sum of kIn terms adds kIn epsilons at most.
      const double bound = magnitude * (2 * kRounding + kRounding * kRounding + kIn * 0x1p-24);
      EXPECT_NEAR(y.data()[r * kOut + o], exact, bound + 1e-6) << r << " " << o;
    }
  }
}

TEST(LinearBf16, IsExactForWhatBfloat16Holds) {
  NEEDS_BF16();
  Halves halves;
  constexpr int64_t kRows = 144, kIn = 64, kOut = 48;
  Tensor x = Tensor::uninitialised({kRows, kIn});
  Tensor weight = Tensor::uninitialised({kOut, kIn});
  for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i % 31 - 15);
  for (int64_t i = 0; i < weight.size(); ++i) weight.data()[i] = static_cast<float>(i % 17 - 8);
  Tensor rounded = Tensor::uninitialised({kRows, kOut});
  Tensor exact = Tensor::uninitialised({kRows, kOut});
  nn::Linear(weight, Tensor(), halves.bf16)(x.data(), kRows, rounded.data());
  nn::Linear(weight, Tensor(), halves.f32)(x.data(), kRows, exact.data());
  EXPECT_TRUE(std::ranges::equal(rounded.values(), exact.values()));
}

double norm(const float* x, int64_t dim) { return std::sqrt(nn::dot(x, x, dim)); }

// The nearest of unit rows by inner products in double.
int64_t nearest(const models::CosineCodebook& codebook, const float* x, int64_t dim) {
  int64_t best = 0;
  double most = -2;
  for (int64_t code = 0; code < codebook.codes(); ++code) {
    const float* row = codebook.row(code);
    const double score = nn::dot(x, row, dim) / norm(x, dim) / norm(row, dim);
    if (score > most) {
      most = score;
      best = code;
    }
  }
  return best;
}

// Tokens on the way from one code to another: near the middle rounding would decide.
TEST(CosineCodebook, ChoosesTheNearestInEveryPrecision) {
  Halves halves;
  const Weights scope = golden_weights("ctclip_tiny/ctclip_tiny.pt")
                            .scope("visual_transformer")
                            .scope("vq._codebook");
  const int64_t dim = scope.shape("embed").at(2);
  const models::CosineCodebook codebook(scope, dim, halves.f32);
  constexpr int64_t kPairs = 500, kSteps = 41;
  Tensor x = Tensor::uninitialised({kPairs * kSteps, dim});
  std::vector<int32_t> expected;
  for (int64_t token = 0; token < x.dim(0); ++token) {
    const float* from = codebook.row(token / kSteps % codebook.codes());
    const float* to = codebook.row((token / kSteps + 1) % codebook.codes());
    const int64_t step = token % kSteps - kSteps / 2;
    const double share = 0.5 + 0.0002 * static_cast<double>(step);
    for (int64_t i = 0; i < dim; ++i) {
      x.data()[token * dim + i] = static_cast<float>((1 - share) * from[i] / norm(from, dim) +
                                                     share * to[i] / norm(to, dim));
    }
    expected.push_back(static_cast<int32_t>(nearest(codebook, x.data() + token * dim, dim)));
  }
  nn::Workspace work;
  Watch watch;
  const auto found = codebook(x, {halves.f32, work, watch, {}});
  for (std::size_t i = 0; i < expected.size(); ++i) {
    // Those in the very middle differ by less than float32 tells.
    if (i % kSteps == kSteps / 2) continue;
    ASSERT_EQ(found[i], expected[i]) << i;
  }
}

TEST(ImageEncoderBf16, TokensStayWithinTheRoundingOfTheirLayers) {
  NEEDS_BF16();
  Halves halves;
  const models::ImageEncoder encode(golden_weights("ctclip_tiny/ctclip_tiny.pt"), kTiny,
                                    halves.bf16);
  nn::Workspace work;
  Watch watch;
  Tensor tokens;
  const auto keep = [&](std::string_view step, const Tensor& x) {
    if (step == "vq_input") tokens = x.clone();
  };
  encode(read_npy(golden("ctclip_tiny/input_volume.npy")).tensor().reshaped(kTiny.volume()),
         {halves.bf16, work, watch, keep});
  // A product of rounded factors is off by sqrt(2) roundings, whose mean square is a third of the
  // largest; the patch embedding and four layers of five products add theirs as independent. Those
  // of q and k reach the values through softmax(8 q.k), whose derivative is 8/2 at most.
  constexpr double kProducts = 1 + 4 * (3 + 2 * 4 * 4);
  const double tolerance = kRounding * std::sqrt(2.0 / 3.0 * kProducts);
  const double distance =
      relative_distance(tokens.values(), read_npy(golden("ctclip_tiny/vq_input.npy")).values);
  EXPECT_LT(distance, tolerance);
  EXPECT_GT(distance, 0x1p-24) << "nothing was rounded";
}

}  // namespace
}  // namespace ctclip
