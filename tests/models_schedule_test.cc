#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "models/diffusion_schedule.h"
#include "testing.h"

namespace ctclip {
namespace {

using models::DiffusionSchedule;
using testing::all_close;
using testing::golden;

nlohmann::json facts() {
  std::ifstream stream(golden("diffusion_unet_tiny/facts.json"));
  return nlohmann::json::parse(stream);
}

NpyArray reference(const std::string& name) {
  return read_npy(golden("diffusion_unet_tiny/" + name + ".npy"));
}

// Both are float64: a product of 1,000 factors may differ by 1,000 roundings of 1.1e-16, which
// 1 / (1 - alpha_bar) multiplies by up to 10,000 at the first steps.
void expect_equal(const std::vector<double>& found, const std::string& name) {
  const NpyArray expected = reference(name);
  ASSERT_EQ(found.size(), expected.values.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], expected.values[i], 2e-11 * std::abs(expected.values[i]) + 1e-15)
        << name << " " << i;
  }
}

TEST(DiffusionSchedule, TablesInDouble) {
  const DiffusionSchedule schedule;
  EXPECT_EQ(schedule.steps(), 1000);
  expect_equal(schedule.betas, "table_betas_f64");
  expect_equal(schedule.alphas_cumprod, "table_alphas_cumprod_f64");
  expect_equal(schedule.posterior_log_variance_clipped, "table_posterior_log_variance_clipped_f64");
  expect_equal(schedule.posterior_mean_coef1, "table_posterior_mean_coef1_f64");
  expect_equal(schedule.posterior_mean_coef2, "table_posterior_mean_coef2_f64");
  expect_equal(schedule.sqrt_recip_alphas_cumprod, "table_sqrt_recip_alphas_cumprod_f64");
  expect_equal(schedule.sqrt_recipm1_alphas_cumprod, "table_sqrt_recipm1_alphas_cumprod_f64");
  for (std::size_t i = 1; i < 1000; ++i) {
    EXPECT_EQ(schedule.alphas_cumprod_previous[i], schedule.alphas_cumprod[i - 1]);
    EXPECT_EQ(schedule.alphas_cumprod_next[i - 1], schedule.alphas_cumprod[i]);
  }
  EXPECT_EQ(schedule.alphas_cumprod_previous[0], 1);
  EXPECT_EQ(schedule.alphas_cumprod_next[999], 0);
}

TEST(DiffusionSchedule, TimeStepsAreTruncated) {
  const auto expected = facts();
  EXPECT_EQ(models::encoding_steps(500, 20),
            expected["timesteps_encode"].get<std::vector<int64_t>>());
  EXPECT_EQ(models::decoding_steps(500, 20),
            expected["timesteps_decode"].get<std::vector<int64_t>>());
  EXPECT_EQ(models::encoding_steps(500, 3), (std::vector<int64_t>{0, 249}));
  EXPECT_EQ(models::decoding_steps(500, 3), (std::vector<int64_t>{499, 249}));
}

// From the reference's own network outputs: x0, posterior mean and log variance. All are float32
// sums of two terms; M x eps is the largest of them (158 at t = 999), and the logarithms reach 9.
TEST(DiffusionSchedule, PredictionAndPosteriorReplayTheReference) {
  const DiffusionSchedule schedule;
  for (const int64_t t : {0, 1, 250, 499, 999}) {
    const std::string at = "_t" + std::to_string(t);
    const Tensor x = reference("model_input" + at).tensor();
    const Tensor output = reference("model_output" + at + "_y0").tensor();  // (2, 2, S, S)
    const int64_t pixels = x.size() / 2;
    Tensor eps = Tensor::uninitialised({2, pixels});
    Tensor v = Tensor::uninitialised({2, pixels});
    for (int64_t slice = 0; slice < 2; ++slice) {
      const float* from = output.data() + slice * 2 * pixels;
      std::copy_n(from, pixels, eps.data() + slice * pixels);
      std::copy_n(from + pixels, pixels, v.data() + slice * pixels);
    }
    Tensor x0 = Tensor::uninitialised(eps.shape());
    Tensor mean = Tensor::uninitialised(eps.shape());
    Tensor log_variance = Tensor::uninitialised(eps.shape());
    models::predict(schedule.at(t), x.data(), x.size(), eps.data(), x0.data());
    models::posterior(schedule, t, x.data(), x0.data(), v.data(), x.size(), mean.data(),
                      log_variance.data());
    const double rounding = 2 * 6e-8 * (1 + static_cast<double>(schedule.at(t).recipm1));
    EXPECT_TRUE(all_close(x0, reference("p_pred_xstart" + at + "_y0"), 2 * rounding)) << t;
    EXPECT_TRUE(all_close(mean, reference("p_mean" + at + "_y0"), 2 * rounding)) << t;
    EXPECT_TRUE(all_close(log_variance, reference("p_log_variance" + at + "_y0"), 4e-6)) << t;
  }
}

}  // namespace
}  // namespace ctclip
