#include "bench/diffusion.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

#include "bench/peak.h"
#include "checkpoint/diffusion_layouts.h"
#include "detectors/anomaly.h"
#include "nn/convolution.h"

namespace ctclip::bench {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDepth = 240;            // of a prepared volume: 216 slices are classified
constexpr double kClassifierGflop = 9.58;  // of one slice, by the definition of its convolutions

double seconds_of(const std::function<void()>& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

double memory_gib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

/// A checkpoint with random weights of this layout, gone with the object.
class RandomCheckpoint {
 public:
  explicit RandomCheckpoint(const std::vector<TensorSpec>& layout)
      : path_(fs::temp_directory_path() / fmt::format("ctclip_bench_{}.pt", layout.size())) {
    std::mt19937 generator(1);
    write_checkpoint(path_, layout, {}, [&](const TensorSpec& spec, std::span<std::byte> bytes) {
      const bool norm = spec.shape.size() == 1 && spec.name.ends_with(".weight");
      const double inputs = static_cast<double>(element_count(spec.shape)) /
                            static_cast<double>(std::max<int64_t>(spec.shape.front(), 1));
      std::normal_distribution<float> weight(
          norm ? 1.0F : 0.0F, norm ? 0.05F : static_cast<float>(1 / std::sqrt(inputs)));
      for (std::size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
        const float value = weight(generator);
        std::memcpy(bytes.data() + i, &value, sizeof(value));
      }
    });
  }
  ~RandomCheckpoint() { fs::remove(path_); }
  RandomCheckpoint(const RandomCheckpoint&) = delete;
  RandomCheckpoint& operator=(const RandomCheckpoint&) = delete;
  Weights weights() const { return Weights(Checkpoint::open(path_)); }

 private:
  fs::path path_;
};

Tensor random_volume() {
  std::mt19937 generator(2);
  std::uniform_real_distribution<float> value(-1, 1);
  Tensor volume = Tensor::uninitialised({kDepth, 480, 480});
  for (float& v : volume.values()) v = value(generator);
  return volume;
}

void row(const std::string& what, double seconds, double gflop, double peak) {
  fmt::print("| {:<34} | {:>8.3f} | {:>7.0f} | {:>5.0f} % |\n", what, seconds, gflop / seconds,
             100 * gflop / seconds / peak);
}

void bench_convolutions(ThreadPool& pool, double peak) {
  struct Form {
    int64_t in, out, side;
  };
  const nn::Engine engine(pool);
  nn::Workspace work;
  const double threads = pool.threads();
  for (const Form& form :
       {Form{32, 32, 256}, Form{32, 32, 128}, Form{64, 64, 64}, Form{128, 128, 16},
        Form{128, 128, 8}, Form{128, 128, 256}, Form{256, 128, 256}, Form{256, 256, 128},
        Form{512, 512, 64}, Form{1024, 1024, 32}, Form{2048, 1024, 32}}) {
    const Tensor weight = Tensor::zeros({form.out, form.in, 3, 3});
    for (const auto& [method, name] :
         {std::pair(nn::ConvolutionMethod::direct, "direct"),
          std::pair(nn::ConvolutionMethod::winograd_2, "F(2x2, 3x3)"),
          std::pair(nn::ConvolutionMethod::winograd_4, "F(4x4, 3x3)")}) {
      const nn::Convolution layer(weight, {}, {form.side, form.side}, 1, engine, method);
      double best = INFINITY;
      for (int round = 0; round < 4; ++round) {
        best = std::min(best, seconds_of([&] {
                          pool.run(pool.threads(), [&](int64_t) {
                            auto x = work.borrow(form.side * form.side * form.in);
                            auto y = work.borrow(form.side * form.side * form.out);
                            layer(x.data(), y.data(), work);
                          });
                        }));
      }
      row(fmt::format("{} -> {}, {}x{} {}", form.in, form.out, form.side, form.side, name), best,
          threads * static_cast<double>(layer.flops()) / 1e9, peak);
    }
  }
}

}  // namespace

void bench_diffusion(int threads) {
  ThreadPool pool(threads);
  const nn::Engine engine(pool);
  const AnomalyOptions options;
  const double peak = peak_gflops(pool);
  fmt::print(
      "Anomaly detector, {} threads, float32; peak {:.0f} GFLOP/s. GFLOP are counted by the "
      "definition of a convolution, whatever computes it.\n\n",
      pool.threads(), peak);
  fmt::print("| what | seconds | GFLOP/s | of peak |\n| --- | --- | --- | --- |\n");

  const RandomCheckpoint classifier(slice_classifier_layout(slice_classifier_shape(true)));
  const auto network = load_slice_classifier(classifier.weights(), options, true, engine);
  const Tensor volume = random_volume();
  const SliceClassifier detect(network, engine);
  Watch watch;
  const double slices = 216;
  {
    nn::Workspace work;
    double best = INFINITY;
    for (int round = 0; round < 2; ++round) {
      Scores scores;
      best = std::min(best, seconds_of([&] { detect.run({volume, work, {}}, scores, watch); }));
    }
    row("classifier, 216 slices", best, slices * kClassifierGflop,
        std::max(peak, peak_gflops(pool)));
  }
  bench_convolutions(pool, peak);

  const double before = memory_gib();
  const RandomCheckpoint unet(diffusion_unet_layout(diffusion_unet_shape(true)));
  auto denoiser = load_denoiser(unet.weights(), options, engine);
  const double gflop = static_cast<double>(denoiser->flops()) / 1e9;
  {
    nn::Workspace work;
    const models::Trace no_trace;
    double best = INFINITY;
    for (int round = 0; round < 2; ++round) {
      best = std::min(best, seconds_of([&] {
                        pool.run(pool.threads(), [&](int64_t) {
                          (*denoiser)(volume.data(), 100, 0, {engine, work, watch, no_trace});
                        });
                      }));
    }
    row("denoiser, a slice on each thread", best, gflop * pool.threads(),
        std::max(peak, peak_gflops(pool)));
  }
  const GuidedReconstruction reconstruct(network, std::move(denoiser), options.reconstruction,
                                         engine);
  fmt::print(
      "\nA reconstruction of {} slices in {} steps: {:.0f} s. Memory: {:.2f} GiB at most, of "
      "which {:.2f} before the denoiser was loaded.\n",
      options.reconstruction.slices, options.reconstruction.steps, reconstruct.projected_seconds(),
      memory_gib(), before);
}

}  // namespace ctclip::bench
