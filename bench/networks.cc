#include "bench/networks.h"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "base/npy.h"
#include "detectors/anomaly.h"
#include "detectors/slices.h"
#include "models/ct_vit.h"
#include "pipeline/bundle.h"

namespace ctclip::bench {
namespace {

const models::Trace no_trace;

Weights open(const Bundle& bundle, Role role) {
  const auto found = bundle.files.find(role);
  if (found == bundle.files.end()) {
    throw std::runtime_error(fmt::format("the bundle has no {}", role_name(role)));
  }
  return Weights(Checkpoint::open(found->second.path));
}

Bundle open_clinical(const std::filesystem::path& folder) {
  Bundle bundle = open_bundle(folder);
  const models::CtVitGeometry clinical;
  if (bundle.geometry.vit.volume() != clinical.volume()) {
    throw std::runtime_error(folder.string() +
                             ": not of the clinical size, for which the GFLOP are counted");
  }
  return bundle;
}

Tensor cut_slices(const NetworkBench& bench, int64_t size) {
  const Tensor volume = read_npy(bench.volume).tensor();
  const int64_t height = volume.dim(1);
  const int64_t width = volume.dim(2);
  const std::vector<int64_t> planes = classified_planes(volume.dim(0));
  const SliceFrame frame(height, width, size);
  Tensor slices = Tensor::uninitialised({static_cast<int64_t>(planes.size()), size, size});
  float* out = slices.data();
  for (const int64_t plane : planes) {
    frame(volume.data() + plane * height * width, width, out);
    out += size * size;
  }
  return slices;
}

/// What the calls of a network share, whatever the network.
struct Setting {
  Setting(ThreadPool& pool, nn::Precision precision) : engine(pool, precision) {}
  models::Pass pass() { return {engine, work, watch, no_trace}; }

  nn::Engine engine;
  nn::Workspace work;
  Watch watch;
};

double probability_of_second(const Tensor& logits) {
  return 1 / (1 + std::exp(static_cast<double>(logits.data()[0]) - logits.data()[1]));
}

}  // namespace

Worker encoder_worker(const NetworkBench& bench, ThreadPool& pool) {
  struct State : Setting {
    using Setting::Setting;
    std::unique_ptr<const models::CtVit> encode;
    Tensor volume;
    std::vector<int32_t> codes;
  };
  auto state = std::make_shared<State>(pool, bench.precision);
  const Bundle bundle = open_clinical(bench.models);
  state->encode = std::make_unique<const models::CtVit>(
      open(bundle, Role::ctclip).scope("visual_transformer"), bundle.geometry.vit, state->engine);
  state->volume = read_npy(bench.volume).tensor();
  return {{{"gflop", kCodesGflop}},
          [state] {
            state->codes = state->encode->encode(state->volume, state->pass());
            return nlohmann::json::object();
          },
          [state] { return nlohmann::json(state->codes); }};
}

Worker slices_worker(const NetworkBench& bench, ThreadPool& pool) {
  struct State : Setting {
    using Setting::Setting;
    std::shared_ptr<const models::EncoderUnet> classify;
    Tensor slices;
    std::vector<double> probabilities;
  };
  auto state = std::make_shared<State>(pool, bench.precision);
  const Bundle bundle = open_clinical(bench.models);
  state->classify = load_slice_classifier(open(bundle, Role::diffusion_classifier), bundle.anomaly,
                                          false, state->engine);
  const int64_t size = bundle.anomaly.image_size;
  state->slices = cut_slices(bench, size);
  const int64_t count = state->slices.dim(0);
  state->probabilities.resize(static_cast<std::size_t>(count));
  return {{{"gflop", kSliceGflop * static_cast<double>(count)}},
          [state, count, size, &pool] {
            pool.run(count, [&](int64_t i) {
              const float* slice = state->slices.data() + i * size * size;
              state->probabilities[static_cast<std::size_t>(i)] =
                  probability_of_second((*state->classify)(slice, 0, state->pass()));
            });
            return nlohmann::json::object();
          },
          [state] { return nlohmann::json(state->probabilities); }};
}

Worker denoiser_worker(const NetworkBench& bench, ThreadPool& pool) {
  struct State : Setting {
    using Setting::Setting;
    std::unique_ptr<const models::DiffusionUnet> denoise;
    Tensor slices;
  };
  auto state = std::make_shared<State>(pool, bench.precision);
  const Bundle bundle = open_clinical(bench.models);
  const int64_t size = bundle.anomaly.image_size;
  state->denoise = load_denoiser(open(bundle, Role::diffusion_unet), bundle.anomaly, state->engine);
  state->slices = cut_slices(bench, size);
  const double gflop = static_cast<double>(state->denoise->flops()) / 1e9 * pool.threads();
  const auto& usual = bundle.anomaly.reconstruction;
  // Both ways through the schedule, a step fewer than it has points, a slice on each thread.
  const double rounds = static_cast<double>(usual.slices * 2 * (usual.steps - 1)) / pool.threads();
  constexpr int64_t kTime = 100;
  return {{{"gflop", gflop}, {"rounds_of_a_reconstruction", rounds}},
          [state, size, &pool] {
            pool.run(pool.threads(), [&](int64_t i) {
              (*state->denoise)(state->slices.data() + i * size * size, kTime, 0, state->pass());
            });
            return nlohmann::json::object();
          },
          {}};
}

void write_slices(const NetworkBench& bench, const std::filesystem::path& npy) {
  write_npy(npy, cut_slices(bench, open_clinical(bench.models).anomaly.image_size));
}

}  // namespace ctclip::bench
