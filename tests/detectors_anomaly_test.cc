#include "detectors/anomaly.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "detectors/slices.h"
#include "golden.h"

namespace ctclip {
namespace {

using testing::all_close;
using testing::Bench;
using testing::golden;
using testing::golden_weights;

constexpr int64_t kSize = 64;
constexpr int64_t kPixels = kSize * kSize;
constexpr int64_t kSteps = 19;
const AnomalyOptions kTiny{kSize, 64, 1, {}};

NpyArray reference(const std::string& name) {
  return read_npy(golden("diffusion_unet_tiny/" + name + ".npy"));
}

nlohmann::json facts(const std::string& folder) {
  std::ifstream stream(golden(folder + "/facts.json"));
  return nlohmann::json::parse(stream);
}

struct Networks {
  explicit Networks(const nn::Engine& engine)
      : classify(load_slice_classifier(
            golden_weights("diffusion_classifier_tiny/classifier_tiny.pt"), kTiny, true, engine)),
        denoise(load_denoiser(golden_weights("diffusion_unet_tiny/unet_tiny.pt"), kTiny, engine)) {}
  std::shared_ptr<const models::EncoderUnet> classify;
  std::unique_ptr<const models::DiffusionUnet> denoise;
};

// A volume whose classified planes are the given slices, over and over: the frame then leaves every
// pixel as it is.
Tensor volume_of(const Tensor& slices, int64_t depth) {
  const int64_t count = slices.size() / kPixels;
  Tensor volume = Tensor::zeros({depth, kSize, kSize});
  const int64_t first = classified_planes(depth).front();
  for (int64_t d = first; d < depth; ++d) {
    const int64_t slice = (d - first) % count;
    std::copy_n(slices.data() + slice * kPixels, kPixels, volume.data() + d * kPixels);
  }
  return volume;
}

/// What the reference kept of a reconstruction, and what ours gave, step by step.
struct Replay {
  Replay() {
    Bench bench;
    const Networks networks(bench.engine);
    const SliceReconstructor reconstruct(*networks.denoise, *networks.classify);
    result = reference("input_slices").tensor();
    for (int64_t slice = 0; slice < 2; ++slice) {
      reconstruct(result.data() + slice * kPixels, {}, bench.pass(),
                  [&](const SliceReconstructor::Step& step) { keep(step, slice); });
    }
  }

  void keep(const SliceReconstructor::Step& step, int64_t slice) {
    const auto copy = [&](const float* from, Tensor& to) {
      std::copy_n(from, kPixels, to.data() + (step.number * 2 + slice) * kPixels);
    };
    copy(step.x, step.encoding ? encode : decode);
    copy(step.x0, step.encoding ? encode_x0 : decode_x0);
    if (step.gradient != nullptr) copy(step.gradient, gradient);
  }

  static Tensor trajectory() { return Tensor::zeros({kSteps, 2, 1, kSize, kSize}); }
  Tensor encode = trajectory(), decode = trajectory();
  Tensor encode_x0 = trajectory(), decode_x0 = trajectory(), gradient = trajectory();
  Tensor result;
};

class Reconstruction : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { replay_ = new Replay; }
  static void TearDownTestSuite() { delete replay_; }

  static std::span<const float> at(const Tensor& trajectory, int64_t step) {
    return trajectory.values().subspan(static_cast<std::size_t>(step * 2 * kPixels), 2 * kPixels);
  }
  static std::span<const double> at(const NpyArray& trajectory, int64_t step) {
    return std::span(trajectory.values)
        .subspan(static_cast<std::size_t>(step * 2 * kPixels), 2 * kPixels);
  }

  static Replay* replay_;
};
Replay* Reconstruction::replay_ = nullptr;

// A step adds to x the error of the network (within 20 x 1.9e-6,
// tests/models_diffusion_unet_test.cc) times the change of x for a change of eps: d = |sqrt(1 -
// ab_next) - sqrt(ab_next) M|, below 0.011 for every step (0.0068 at t = 0 where the loop begins),
// and keeps what was there before. The network sees the error of x, too: the whole loop amplifies a
// disturbance five times (facts.json, "sensitivity_input_noise_1e-6"). Together with an epsilon of
// R x at each step:
double encode_bound(int64_t step) {
  return 5 * (1.2e-7 + static_cast<double>(step + 1) * (0.011 * 20 * 1.9e-6 + 6e-8));
}
// On the way back each step adds the same, and the guidance: sqrt(1 - ab) d times 100 times the
// gradient's error (20 x 2.2e-7, tests/models_encoder_unet_test.cc).
double decode_bound(int64_t step) {
  return encode_bound(kSteps - 1) +
         5 * static_cast<double>(step + 1) * (0.011 * (20 * 1.9e-6 + 100 * 20 * 2.2e-7) + 6e-8);
}

TEST_F(Reconstruction, EveryStepTowardsNoise) {
  const NpyArray expected = reference("encode_trajectory");
  for (int64_t step = 0; step < kSteps; ++step) {
    EXPECT_TRUE(all_close(at(replay_->encode, step), at(expected, step), encode_bound(step)))
        << step;
  }
  EXPECT_TRUE(all_close(at(replay_->encode, kSteps - 1), reference("x_encoded").values,
                        encode_bound(kSteps - 1)));
}

TEST_F(Reconstruction, EveryStepBack) {
  const NpyArray expected = reference("decode_trajectory");
  for (int64_t step = 0; step < kSteps; ++step) {
    EXPECT_TRUE(all_close(at(replay_->decode, step), at(expected, step), decode_bound(step)))
        << step;
  }
  EXPECT_TRUE(all_close(replay_->result, reference("x_reconstructed"), decode_bound(kSteps - 1)));
}

// What the reference kept of steps 0, 1, 9 and 18: x0 = R x - M eps, and 100 x the gradient.
TEST_F(Reconstruction, PredictionsAndGuidanceOnTheWay) {
  const NpyArray encode = reference("encode_pred_xstart_steps_0_1_9_18");
  const NpyArray decode = reference("decode_pred_xstart_steps_0_1_9_18");
  const NpyArray gradient = reference("decode_scaled_gradient_steps_0_1_9_18");
  const models::DiffusionSchedule schedule;
  const auto encode_times = models::encoding_steps(500, 20);
  const auto decode_times = models::decoding_steps(500, 20);
  int64_t row = 0;
  for (const int64_t step : {0, 1, 9, 18}) {
    const auto index = static_cast<std::size_t>(step);
    const auto c = schedule.at(encode_times[index]);
    const double there = c.recip * encode_bound(step) + c.recipm1 * 20 * 1.9e-6;
    EXPECT_TRUE(all_close(at(replay_->encode_x0, step), at(encode, row), there)) << step;
    // The gradient changes with x: its own error, and what x differs by, times a slope of about 1.
    const double guidance = 100 * (20 * 2.2e-7 + decode_bound(step));
    EXPECT_TRUE(all_close(at(replay_->gradient, step), at(gradient, row), guidance)) << step;
    const auto d = schedule.at(decode_times[index]);
    const double back = d.recip * decode_bound(step) + d.recipm1 * (20 * 1.9e-6 + guidance);
    EXPECT_TRUE(all_close(at(replay_->decode_x0, step), at(decode, row), back)) << step;
    ++row;
  }
}

// Mean of |difference| over 4,096 pixels: errs by no more than the pixels do, and by far less since
// their errors are of either sign (facts.json: 3.6e-8 where pixels differ by 2.4e-6).
constexpr double kScores = 2e-6;

TEST(GuidedReconstruction, ScoresOfAVolume) {
  Bench bench;
  Networks networks(bench.engine);
  const GuidedReconstruction detect(networks.classify, std::move(networks.denoise), {},
                                    bench.engine);
  const Tensor slices = reference("input_slices").tensor();
  const Tensor volume = volume_of(slices, 21);  // planes 1 to 18, of which two are wanted
  Scores scores;
  int64_t told = 0;
  int64_t of = 0;
  Watch watch({}, [&](std::string_view, int64_t done, int64_t total) {
    told = std::max(told, done);
    of = total;
  });
  DetectorOptions options{ReconstructionSettings{2, 20, 500, 100}, true};
  detect.run({volume, bench.work, options}, scores, watch);
  EXPECT_EQ(of, 2 * 38);
  EXPECT_EQ(told, of);

  const auto expected = facts("diffusion_unet_tiny");
  const auto errors = reference("l1_error_per_slice").values;
  ASSERT_TRUE(scores.diffusion_reconstruction.has_value());
  const SliceStatistics& found = *scores.diffusion_reconstruction;
  EXPECT_EQ(found.planes, (std::vector<int64_t>{1, 18}));  // slices 0 and 1 of the two
  ASSERT_EQ(found.slices.size(), 2U);
  EXPECT_NEAR(found.slices[0], errors[0], kScores);
  EXPECT_NEAR(found.slices[1], errors[1], kScores);
  EXPECT_NEAR(found.mean, expected["result"]["diffusion_reconstruction_mean"].get<double>(),
              kScores);
  EXPECT_NEAR(found.max, expected["result"]["diffusion_reconstruction_max"].get<double>(), kScores);
  EXPECT_NEAR(found.standard_deviation,
              expected["result"]["diffusion_reconstruction_std"].get<double>(), kScores);
  EXPECT_EQ(scores.reconstruction_settings, *options.reconstruction);
  ASSERT_NE(scores.reconstructed, nullptr);
  EXPECT_TRUE(all_close(scores.reconstructed->original, reference("input_slices"), 0));
  EXPECT_TRUE(all_close(scores.reconstructed->reconstructed, reference("x_reconstructed"),
                        decode_bound(kSteps - 1)));

  options = {ReconstructionSettings{2, 20, 500, 0}, false};
  detect.run({volume, bench.work, options}, scores, watch);
  EXPECT_NEAR(scores.diffusion_reconstruction->mean,
              expected["result_with_scale_0"]["diffusion_reconstruction_mean"].get<double>(),
              kScores);
}

TEST(GuidedReconstruction, ScaleZeroReplaysTheReference) {
  Bench bench;
  const Networks networks(bench.engine);
  const SliceReconstructor reconstruct(*networks.denoise, *networks.classify);
  Tensor x = reference("input_slices").tensor();
  for (int64_t slice = 0; slice < 2; ++slice) {
    reconstruct(x.data() + slice * kPixels, {2, 20, 500, 0}, bench.pass(), {});
  }
  EXPECT_TRUE(all_close(x, reference("x_reconstructed_scale0"), decode_bound(kSteps - 1)));
}

TEST(GuidedReconstruction, StopsWithinAnEvaluation) {
  Bench bench;
  Networks networks(bench.engine);
  const GuidedReconstruction detect(networks.classify, std::move(networks.denoise), {},
                                    bench.engine);
  const Tensor volume = volume_of(reference("input_slices").tensor(), 40);
  std::stop_source stop;
  std::atomic<int> steps = 0;
  Watch watch(stop.get_token(), [&](std::string_view, int64_t, int64_t) {
    if (++steps == 3) stop.request_stop();
  });
  Scores scores;
  try {
    detect.run({volume, bench.work, {}}, scores, watch);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::cancelled);
  }
  EXPECT_LE(steps, 5);  // one more for each of the two threads at most
  EXPECT_FALSE(scores.diffusion_reconstruction.has_value());
}

TEST(GuidedReconstruction, RefusesSettingsThatMakeNoSense) {
  for (const ReconstructionSettings settings :
       {ReconstructionSettings{0, 20, 500, 100}, ReconstructionSettings{5000, 20, 500, 100},
        ReconstructionSettings{16, 1, 500, 100}, ReconstructionSettings{16, 501, 500, 100},
        ReconstructionSettings{16, 20, 1001, 100}, ReconstructionSettings{16, 20, 1, 100},
        ReconstructionSettings{16, 20, 500, NAN}, ReconstructionSettings{16, 20, 500, 1e9}}) {
    EXPECT_THROW(check_settings(settings), Error);
  }
  EXPECT_NO_THROW(check_settings({}));
  EXPECT_NO_THROW(check_settings({1, 2, 2, 0}));
}

TEST(GuidedReconstruction, ProjectsItsTimeByMeasuring) {
  Bench bench;
  Networks networks(bench.engine);
  const GuidedReconstruction detect(networks.classify, std::move(networks.denoise), {},
                                    bench.engine);
  const double seconds = detect.projected_seconds();
  EXPECT_GT(seconds, 0);
  EXPECT_LT(seconds, 3600);  // 8 rounds of 38 evaluations of 0.2 GFLOP
}

TEST(SliceClassifier, ScoresOfAVolume) {
  Bench bench;
  const SliceClassifier detect(Networks(bench.engine).classify, bench.engine);
  const Tensor slices = read_npy(golden("diffusion_classifier_tiny/input_slices.npy")).tensor();
  const Tensor volume = volume_of(slices, 20);  // planes 1 to 18: six times the three slices
  Scores scores;
  detect.run({volume, bench.work, {}}, scores, bench.watch);
  const auto expected = facts("diffusion_classifier_tiny");
  ASSERT_TRUE(scores.diffusion_classifier.has_value());
  const SliceStatistics& found = *scores.diffusion_classifier;
  ASSERT_EQ(found.slices.size(), 18U);
  // A probability's error is at most a quarter of the logits' (20 x 1.8e-6 each).
  constexpr double kProbabilities = 2e-5;
  for (std::size_t i = 0; i < 18; ++i) {
    EXPECT_NEAR(found.slices[i], expected["t0"]["p1"][i % 3].get<double>(), kProbabilities);
    EXPECT_EQ(found.planes[i], static_cast<int64_t>(i) + 1);
  }
  const auto& statistics = expected["service_statistics_t0"];
  EXPECT_NEAR(found.mean, statistics["mean"].get<double>(), kProbabilities);
  EXPECT_NEAR(found.max, statistics["max"].get<double>(), kProbabilities);
  EXPECT_NEAR(found.standard_deviation, statistics["std"].get<double>(), kProbabilities);
}

TEST(SliceClassifier, RefusesATensorThatItDoesNotKnow) {
  Bench bench;
  // The denoiser is no classifier and the other way round: named, with the file.
  EXPECT_THROW(load_slice_classifier(golden_weights("diffusion_unet_tiny/unet_tiny.pt"), kTiny,
                                     false, bench.engine),
               Error);
  EXPECT_THROW(load_denoiser(golden_weights("diffusion_classifier_tiny/classifier_tiny.pt"), kTiny,
                             bench.engine),
               Error);
}

}  // namespace
}  // namespace ctclip
