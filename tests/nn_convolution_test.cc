#include "nn/convolution.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/engine.h"
#include "nn/kernels.h"
#include "testing.h"

namespace ctclip {
namespace {

using nn::Convolution;
using nn::ConvolutionMethod;
using testing::normal_tensor;

// The definition, in double: x (h, w, in) -> (h', w', out).
std::vector<double> convolve(const Tensor& x, const Tensor& weight, const Tensor& bias,
                             int64_t stride, const float* residual) {
  const int64_t h = x.dim(0);
  const int64_t w = x.dim(1);
  const int64_t in = x.dim(2);
  const int64_t out = weight.dim(0);
  std::vector<double> y;
  for (int64_t r = 0; r < h; r += stride) {
    for (int64_t c = 0; c < w; c += stride) {
      for (int64_t o = 0; o < out; ++o) {
        double total = bias.empty() ? 0 : bias.data()[o];
        for (int64_t tap = 0; tap < 9; ++tap) {
          const int64_t i = r + tap / 3 - 1;
          const int64_t j = c + tap % 3 - 1;
          if (i < 0 || j < 0 || i >= h || j >= w) continue;
          for (int64_t k = 0; k < in; ++k) {
            total += static_cast<double>(x.data()[(i * w + j) * in + k]) *
                     static_cast<double>(weight.data()[(o * in + k) * 9 + tap]);
          }
        }
        if (residual != nullptr) total += static_cast<double>(residual[y.size()]);
        y.push_back(total);
      }
    }
  }
  return y;
}

struct Case {
  int64_t in, out, height, width, stride;
  ConvolutionMethod method;
};

class ConvolutionOf : public ::testing::TestWithParam<Case> {
 protected:
  Convolution layer(const Tensor& bias) const {
    return {weight_, bias, {c_.height, c_.width}, c_.stride, engine_, c_.method};
  }
  Tensor output_of(const Convolution& convolution) const {
    return Tensor::uninitialised({convolution.output().height, convolution.output().width, c_.out});
  }

  const Case c_ = GetParam();
  ThreadPool pool_{1};
  const nn::Engine engine_{pool_};
  nn::Workspace work_;
  const Tensor weight_ = normal_tensor({c_.out, c_.in, 3, 3}, 1);
  const Tensor x_ = normal_tensor({c_.height, c_.width, c_.in}, 3);
};
class FusedConvolutionOf : public ConvolutionOf {};

// Each output sums n = 9 in products of standard normal values. The rounding errors of such a sum
// in float32 have a standard deviation of about 0.4 n u, u = 6e-8; the largest of 100,000 outputs
// is five times that, so 4 n u is never reached by accident. F(4x4, 3x3) goes through values that
// are up to 20 times larger than its result (the row sums of |B^T|, |A^T|), of which a half shows;
// F(2x2, 3x3) twice.
TEST_P(ConvolutionOf, EqualsItsDefinition) {
  const Tensor bias = normal_tensor({c_.out}, 2);
  const Convolution convolution = layer(bias);
  Tensor y = output_of(convolution);
  const Tensor other = normal_tensor(y.shape(), 4);
  const double growth = c_.method == ConvolutionMethod::winograd_4   ? 10
                        : c_.method == ConvolutionMethod::winograd_2 ? 2
                                                                     : 1;
  const double tolerance = growth * 4 * 6e-8 * static_cast<double>(9 * c_.in);

  convolution(x_.data(), y.data(), work_);
  EXPECT_TRUE(
      testing::all_close(y.values(), convolve(x_, weight_, bias, c_.stride, nullptr), tolerance));
  convolution(x_.data(), y.data(), work_, other.data());
  const auto with_residual = convolve(x_, weight_, bias, c_.stride, other.data());
  EXPECT_TRUE(testing::all_close(y.values(), with_residual, tolerance));
  std::copy_n(other.data(), other.size(), y.data());
  convolution(x_.data(), y.data(), work_, y.data());
  EXPECT_TRUE(testing::all_close(y.values(), with_residual, tolerance));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvolutionOf,
                         ::testing::Values(Case{1, 32, 20, 20, 1, ConvolutionMethod::direct},
                                           Case{32, 1, 12, 10, 1, ConvolutionMethod::direct},
                                           Case{32, 2, 12, 10, 1, ConvolutionMethod::direct},
                                           Case{32, 64, 9, 13, 1, ConvolutionMethod::direct},
                                           Case{32, 32, 16, 16, 2, ConvolutionMethod::direct},
                                           Case{32, 32, 15, 9, 2, ConvolutionMethod::direct},
                                           Case{32, 64, 16, 16, 1, ConvolutionMethod::winograd_2},
                                           Case{32, 32, 7, 9, 1, ConvolutionMethod::winograd_2},
                                           Case{32, 64, 16, 16, 1, ConvolutionMethod::winograd_4},
                                           Case{64, 32, 64, 64, 1, ConvolutionMethod::winograd_4},
                                           Case{128, 48, 7, 9, 1, ConvolutionMethod::winograd_4},
                                           Case{32, 32, 70, 70, 1, ConvolutionMethod::winograd_4},
                                           Case{144, 32, 18, 21, 1, ConvolutionMethod::winograd_4},
                                           Case{32, 32, 1, 2, 1, ConvolutionMethod::winograd_4}));

// silu(map(x)) in double, as a convolution takes it over.
Tensor activated(const Tensor& x, const nn::ChannelMap& map) {
  Tensor out = Tensor::uninitialised(x.shape());
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t c = i % x.dim(2);
    const double u = (static_cast<double>(x.data()[i]) - map.mean[c]) * map.gain[c] + map.shift[c];
    out.data()[i] = static_cast<float>(u / (1 + std::exp(-u)));
  }
  return out;
}

// Bands share rows, and the last one is shorter: 7, 9 and 70 rows are no multiples of a band's.
TEST_P(FusedConvolutionOf, TakesOverItsNeighboursWork) {
  Tensor rows = normal_tensor({4, c_.in}, 5);
  const nn::ChannelMap map{rows.data(), rows.data() + c_.in, rows.data() + 2 * c_.in,
                           rows.data() + 3 * c_.in};
  const Convolution convolution = layer({});
  Tensor y = output_of(convolution);
  nn::ChannelMoments moments(c_.out);
  convolution(x_.data(), y.data(), work_, nullptr, {&map, &moments});

  // The activation's own error, a few units in the last place, is as large as a product's.
  const double growth = c_.method == ConvolutionMethod::direct ? 2 : 20;
  const double tolerance = growth * 4 * 6e-8 * static_cast<double>(9 * c_.in);
  const Tensor input = activated(x_, map);
  EXPECT_TRUE(
      testing::all_close(y.values(), convolve(input, weight_, {}, c_.stride, nullptr), tolerance));
  const int64_t positions = y.size() / c_.out;
  const auto count = static_cast<double>(positions);
  for (int64_t channel = 0; channel < c_.out; ++channel) {
    double sum = 0;
    double squares = 0;
    for (int64_t i = channel; i < y.size(); i += c_.out) sum += static_cast<double>(y.data()[i]);
    for (int64_t i = channel; i < y.size(); i += c_.out) {
      squares += std::pow(static_cast<double>(y.data()[i]) - sum / count, 2);
    }
    // Runs of 256 values of about 3 sqrt(9 in) are added up in float32.
    const double unit = 6e-8 * 256 * 9 * std::sqrt(9.0 * static_cast<double>(c_.in));
    EXPECT_NEAR(moments.mean(channel), sum / count, unit);
    EXPECT_NEAR(moments.variance(channel), squares / count,
                unit * std::sqrt(9.0 * static_cast<double>(c_.in)));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedConvolutionOf,
                         ::testing::Values(Case{32, 64, 9, 13, 1, ConvolutionMethod::direct},
                                           Case{32, 32, 16, 16, 2, ConvolutionMethod::direct},
                                           Case{32, 32, 7, 9, 1, ConvolutionMethod::winograd_2},
                                           Case{64, 32, 64, 64, 1, ConvolutionMethod::winograd_4},
                                           Case{128, 48, 7, 9, 1, ConvolutionMethod::winograd_4},
                                           Case{32, 32, 70, 70, 1, ConvolutionMethod::winograd_4},
                                           Case{144, 32, 18, 21, 1, ConvolutionMethod::winograd_4},
                                           Case{32, 32, 1, 2, 1, ConvolutionMethod::winograd_4}));

// <convolution(x), g> = <x, backward(g)> for any x and g.
TEST(Convolution, BackwardIsTheAdjoint) {
  ThreadPool pool(1);
  const nn::Engine engine(pool);
  nn::Workspace work;
  const Tensor weight = normal_tensor({64, 32, 3, 3}, 5);
  const Tensor x = normal_tensor({12, 12, 32}, 6);
  const Tensor g = normal_tensor({12, 12, 64}, 7);
  const Convolution forward(weight, {}, {12, 12}, 1, engine, ConvolutionMethod::direct);
  const Convolution backward(nn::backward_weight(weight), {}, {12, 12}, 1, engine);
  Tensor y = Tensor::uninitialised(g.shape());
  Tensor back = Tensor::uninitialised(x.shape());
  forward(x.data(), y.data(), work);
  backward(g.data(), back.data(), work);
  const double left = nn::dot(y.data(), g.data(), g.size());
  const double right = nn::dot(x.data(), back.data(), x.size());
  // The Winograd side errs by about 1e-4 (see above) in each of 4,608 values, which meet values
  // of 1.
  EXPECT_NEAR(left, right, 1e-4 * std::sqrt(4608) * 4);
}

}  // namespace
}  // namespace ctclip
