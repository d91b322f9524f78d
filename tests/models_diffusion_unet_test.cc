#include "models/diffusion_unet.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "golden.h"

namespace ctclip {
namespace {

using models::DiffusionUnet;
using testing::all_close;
using testing::Bench;
using testing::golden;
using testing::golden_weights;

constexpr int64_t kSize = 64;
constexpr int64_t kPixels = kSize * kSize;
// The reference's float32 differs from float64 by 1.9e-6 (facts.json). Ours goes through F(4x4,
// 3x3) convolutions, which err ten times as much as a plain sum does.
constexpr double kOutputs = 20 * 1.9e-6;

NpyArray reference(const std::string& name) {
  return read_npy(golden("diffusion_unet_tiny/" + name + ".npy"));
}

DiffusionUnet tiny(const nn::Engine& engine) {
  return {golden_weights("diffusion_unet_tiny/unet_tiny.pt"), {kSize, 1}, engine};
}

TEST(DiffusionUnet, OutputsAtEveryTimeAndClass) {
  Bench bench;
  const DiffusionUnet denoise = tiny(bench.engine);
  for (const int64_t t : {0, 1, 250, 499, 999}) {
    const Tensor x = reference("model_input_t" + std::to_string(t)).tensor();
    for (const int64_t label : {0, 1}) {
      const NpyArray expected =
          reference("model_output_t" + std::to_string(t) + "_y" + std::to_string(label));
      Tensor found = Tensor::uninitialised({2, 2, kSize, kSize});
      for (int64_t slice = 0; slice < 2; ++slice) {
        const Tensor y = denoise(x.data() + slice * kPixels, t, label, bench.pass());
        std::copy_n(y.data(), y.size(), found.data() + slice * y.size());
      }
      EXPECT_TRUE(all_close(found, expected, kOutputs)) << "t " << t << " class " << label;
    }
  }
}

// facts.json has the shape of every block's output and its standard deviation over both slices
// (unbiased), of the reference's first call.
TEST(DiffusionUnet, ShapeAndSpreadOfEveryBlock) {
  std::ifstream stream(golden("diffusion_unet_tiny/facts.json"));
  const auto blocks = nlohmann::json::parse(stream)["blocks"];
  struct Sums {
    double values = 0, squares = 0, count = 0;
    Shape shape;
  };
  // Which of the stored inputs the statistics belong to is not written down: one of them must fit
  // in every block at once.
  double best = INFINITY;
  for (const int64_t t : {0, 1, 250, 499, 999}) {
    for (const int64_t label : {0, 1}) {
      std::map<std::string, Sums> found;
      Bench bench;
      bench.trace = [&](std::string_view step, const Tensor& x) {
        Sums& sums = found[std::string(step)];
        sums.shape = x.shape();
        for (const float value : x.values()) {
          sums.values += value;
          sums.squares += static_cast<double>(value) * value;
        }
        sums.count += static_cast<double>(x.size());
      };
      const DiffusionUnet denoise = tiny(bench.engine);
      const Tensor x = reference("model_input_t" + std::to_string(t)).tensor();
      for (int64_t slice = 0; slice < 2; ++slice) {
        denoise(x.data() + slice * kPixels, t, label, bench.pass());
      }
      ASSERT_EQ(found.size(), blocks.size());
      double worst = 0;
      for (const auto& block : blocks) {
        const Sums& sums = found[block["block"].get<std::string>()];
        const Shape shape = block["out"].get<Shape>();
        EXPECT_EQ(sums.shape, Shape(shape.begin() + 1, shape.end())) << block["block"];
        const double mean = sums.values / sums.count;
        const double deviation =
            std::sqrt((sums.squares / sums.count - mean * mean) * sums.count / (sums.count - 1));
        worst = std::max(worst, std::abs(deviation - block["std"].get<double>()));
      }
      best = std::min(best, worst);
    }
  }
  EXPECT_LT(best, 5e-6);  // values of about 1 that err by 1e-6 each; thousands of them
}

TEST(DiffusionUnet, RefusesWhatTheWeightsWereNotMadeFor) {
  Bench bench;
  const Weights weights = golden_weights("diffusion_unet_tiny/unet_tiny.pt");
  EXPECT_THROW(DiffusionUnet(weights, {0, 1}, bench.engine), Error);
  EXPECT_THROW(DiffusionUnet(weights, {1 << 20, 1}, bench.engine), Error);
  EXPECT_THROW(DiffusionUnet(weights, {66, 1}, bench.engine), Error);  // 66, 33, 17, 34
  EXPECT_THROW(DiffusionUnet(weights, {64, 3}, bench.engine), Error);
  EXPECT_THROW(DiffusionUnet(weights, {64, 0}, bench.engine), Error);
  EXPECT_THROW(DiffusionUnet(golden_weights("diffusion_classifier_tiny/classifier_tiny.pt"),
                             {64, 1}, bench.engine),
               Error);
}

TEST(DiffusionUnet, StopsWhenItsStudyIsCancelled) {
  Bench bench;
  const DiffusionUnet denoise = tiny(bench.engine);
  std::stop_source stop;
  Watch watch(stop.get_token());
  stop.request_stop();
  const models::Trace no_trace;
  const Tensor x = Tensor::zeros({kSize, kSize});
  EXPECT_THROW(denoise(x.data(), 0, 0, {bench.engine, bench.work, watch, no_trace}), Error);
}

}  // namespace
}  // namespace ctclip
