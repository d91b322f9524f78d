#include "detectors/anomaly.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "detectors/ctclip.h"
#include "detectors/slices.h"

namespace ctclip {
namespace {

constexpr int64_t kClasses = 2;  // healthy, pathology
constexpr int64_t kMostSlices = 4096;
constexpr int64_t kMostSteps = 1000;  // of the noise schedule

void require_two_classes(const Weights& weights, int64_t found) {
  if (found == kClasses) return;
  throw Error(Code::bad_model,
              fmt::format("{}: expected the {} classes healthy and pathology, found {}",
                          weights.checkpoint().path().string(), kClasses, found));
}

bool nothing(const std::string& /*name*/) { return false; }

// softmax(logits)[1], in float32 as the reference.
float probability_of_pathology(const Tensor& logits) {
  const float top = std::max(logits.data()[0], logits.data()[1]);
  const float healthy = std::exp(logits.data()[0] - top);
  const float pathology = std::exp(logits.data()[1] - top);
  return pathology / (healthy + pathology);
}

void cut(const Tensor& prepared, int64_t plane, int64_t size, float* out) {
  const int64_t height = prepared.dim(1);
  const int64_t width = prepared.dim(2);
  const SliceFrame frame(height, width, size);
  frame(prepared.data() + plane * height * width, width, out);
}

float distance(const float* a, const float* b, int64_t count) {
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += static_cast<double>(std::abs(a[i] - b[i]));
  return static_cast<float>(total / static_cast<double>(count));
}

}  // namespace

void check_settings(const ReconstructionSettings& settings) {
  const auto refuse = [](std::string_view what, auto expected, auto found) {
    throw Error(Code::bad_parameter,
                fmt::format("reconstruction: expected {} {}, found {}", what, expected, found));
  };
  if (settings.slices < 1 || settings.slices > kMostSlices) {
    refuse("slices from 1 to", kMostSlices, settings.slices);
  }
  if (settings.noise_level < 2 || settings.noise_level > kMostSteps) {
    refuse("a noise level from 2 to", kMostSteps, settings.noise_level);
  }
  if (settings.steps < 2 || settings.steps > settings.noise_level) {
    refuse("steps from 2 to", settings.noise_level, settings.steps);
  }
  constexpr double kLargestScale = 1e6;
  if (!(std::abs(settings.scale) <= kLargestScale)) {
    refuse("a classifier scale of at most", kLargestScale, settings.scale);
  }
}

std::shared_ptr<const models::EncoderUnet> load_slice_classifier(const Weights& weights,
                                                                 const AnomalyOptions& options,
                                                                 bool gradient,
                                                                 const nn::Engine& engine) {
  const models::EncoderUnet::Options shape{options.image_size, options.classifier_head_size,
                                           gradient};
  auto network = std::make_shared<const models::EncoderUnet>(weights, shape, engine);
  require_two_classes(weights, network->classes());
  require_all_taken(weights, nothing);
  return network;
}

std::unique_ptr<const models::DiffusionUnet> load_denoiser(const Weights& weights,
                                                           const AnomalyOptions& options,
                                                           const nn::Engine& engine) {
  const models::DiffusionUnet::Options shape{options.image_size, options.unet_heads};
  auto network = std::make_unique<const models::DiffusionUnet>(weights, shape, engine);
  require_two_classes(weights, network->classes());
  require_all_taken(weights, nothing);
  return network;
}

SliceStatistics statistics_of(const std::vector<float>& slices, std::vector<int64_t> planes) {
  SliceStatistics result;
  result.slices.assign(slices.begin(), slices.end());
  result.planes = std::move(planes);
  const auto count = static_cast<double>(slices.size());
  double mean = 0;
  for (const double value : result.slices) mean += value / count;
  double variance = 0;
  for (const double value : result.slices) variance += (value - mean) * (value - mean) / count;
  result.mean = static_cast<float>(mean);
  result.max = *std::ranges::max_element(result.slices);
  result.standard_deviation = static_cast<float>(std::sqrt(variance));
  return result;
}

void SliceClassifier::run(const DetectorInput& input, Scores& scores, Watch& watch) const {
  const std::vector<int64_t> planes = classified_planes(input.prepared.dim(0));
  const int64_t size = classify_->image_size();
  const models::Trace no_trace;
  const models::Pass pass{engine_, input.work, watch, no_trace};
  std::vector<float> probabilities(planes.size());
  engine_.pool().run(static_cast<int64_t>(planes.size()), [&](int64_t i) {
    const auto index = static_cast<std::size_t>(i);
    auto slice = input.work.borrow(size * size);
    cut(input.prepared, planes[index], size, slice.data());
    probabilities[index] = probability_of_pathology((*classify_)(slice.data(), 0, pass));
    watch.step(static_cast<int64_t>(planes.size()));
  });
  scores.diffusion_classifier = statistics_of(probabilities, planes);
}

void SliceClassifier::announce(Scores& scores) const {
  scores.diffusion_classifier = SliceStatistics{};
}

GuidedReconstruction::GuidedReconstruction(std::shared_ptr<const models::EncoderUnet> classify,
                                           std::unique_ptr<const models::DiffusionUnet> denoise,
                                           const ReconstructionSettings& settings,
                                           const nn::Engine& engine)
    : engine_(engine),
      classify_(std::move(classify)),
      denoise_(std::move(denoise)),
      reconstruct_(*denoise_, *classify_),
      settings_(settings) {
  check_settings(settings);
  if (classify_->image_size() != denoise_->image_size()) {
    throw Error(
        Code::bad_model,
        fmt::format("the slice classifier sees {0}x{0} pixels, the diffusion network {1}x{1}",
                    classify_->image_size(), denoise_->image_size()));
  }
}

void GuidedReconstruction::run(const DetectorInput& input, Scores& scores, Watch& watch) const {
  const ReconstructionSettings settings = input.options.reconstruction.value_or(settings_);
  check_settings(settings);
  const std::vector<int64_t> planes = reconstructed_planes(input.prepared.dim(0), settings.slices);
  const auto count = static_cast<int64_t>(planes.size());
  const int64_t size = denoise_->image_size();
  const int64_t pixels = size * size;
  const int64_t steps = count * SliceReconstructor::evaluations(settings);
  const models::Trace no_trace;
  const models::Pass pass{engine_, input.work, watch, no_trace};

  auto slices = std::make_shared<ReconstructedSlices>();
  slices->original = Tensor::uninitialised({count, size, size});
  slices->reconstructed = Tensor::uninitialised({count, size, size});
  std::vector<float> errors(planes.size());
  engine_.pool().run(count, [&](int64_t i) {
    const float* original = slices->original.data() + i * pixels;
    float* x = slices->reconstructed.data() + i * pixels;
    cut(input.prepared, planes[static_cast<std::size_t>(i)], size,
        slices->original.data() + i * pixels);
    std::copy_n(original, pixels, x);
    reconstruct_(x, settings, pass, [&](const SliceReconstructor::Step&) { watch.step(steps); });
    errors[static_cast<std::size_t>(i)] = distance(original, x, pixels);
  });
  if (!std::ranges::all_of(errors, [](float v) { return std::isfinite(v); })) {
    throw Error(Code::internal, "A reconstruction gave a value that is not finite.");
  }
  scores.diffusion_reconstruction = statistics_of(errors, planes);
  scores.reconstruction_settings = settings;
  if (input.options.keep_slices) scores.reconstructed = std::move(slices);
}

int64_t GuidedReconstruction::operations(int64_t planes) const {
  const auto slices = static_cast<int64_t>(reconstructed_planes(planes, settings_.slices).size());
  const int64_t evaluations = SliceReconstructor::evaluations(settings_);
  // Half of the evaluations are on the way back, where a gradient of the classifier goes with each.
  const int64_t gradients = settings_.scale == 0 ? 0 : evaluations / 2;
  return slices * (evaluations * denoise_->flops() + gradients * 2 * classify_->flops());
}

void GuidedReconstruction::announce(Scores& scores) const {
  scores.diffusion_reconstruction = SliceStatistics{};
}

double GuidedReconstruction::projected_seconds() const {
  const int64_t threads = engine_.pool().threads();
  const int64_t pixels = denoise_->image_size() * denoise_->image_size();
  nn::Workspace work;
  Watch watch;
  const models::Trace no_trace;
  const models::Pass pass{engine_, work, watch, no_trace};
  // Two rounds: memory is first touched in the first.
  const auto time = [&](const auto& evaluate) {
    double seconds = 0;
    for (int round = 0; round < 2; ++round) {
      const auto began = std::chrono::steady_clock::now();
      engine_.pool().run(threads, [&](int64_t) {
        auto slice = work.borrow(pixels);
        auto gradient = work.borrow(pixels);
        std::fill_n(slice.data(), pixels, 0.0F);
        evaluate(slice.data(), gradient.data());
      });
      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    }
    return seconds;
  };
  const double denoising = time([&](const float* x, float*) { (*denoise_)(x, 0, 0, pass); });
  const double guiding =
      time([&](const float* x, float* g) { classify_->gradient(x, 0, 0, g, pass); });
  const double rounds =
      std::ceil(static_cast<double>(settings_.slices) / static_cast<double>(threads));
  const auto each_way = static_cast<double>(settings_.steps - 1);
  return rounds * each_way * (2 * denoising + guiding);
}

}  // namespace ctclip
