#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <map>

#include "bench/diffusion.h"
#include "bench/peak.h"
#include "bench/synthetic_study.h"
#include "nn/kernels.h"
#include "nn/precision.h"
#include "pipeline/pipeline.h"

namespace {

namespace fs = std::filesystem;
using ctclip::AnalysisRequest;
using ctclip::Pipeline;

/// GFLOP of one image encoder of the clinical size (tests/golden/real_size_layouts/README.md):
/// 394.7 GMAC without the position bias, which is computed once at start, and 0.15 for the
/// projection.
constexpr double kEncoderGflop = 2 * (394.7 + 0.15);
/// 216 slices of 4.80 GMAC, where the volume has 240.
constexpr double kSliceClassifierGflop = 2 * 4.80 * 216;

double peak_memory_gib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

struct Options {
  fs::path models, study;
  bool diffusion = false;
  std::string precision = "f32";
  int threads = 0;
  int rounds = 3;
  int slices = 300;
};

std::map<std::string, double> run_once(const Pipeline& pipeline, const fs::path& study) {
  AnalysisRequest request;
  request.input = study;
  ctclip::Watch watch;
  const auto began = std::chrono::steady_clock::now();
  const auto analysis = pipeline.analyse(request, watch);
  const std::chrono::duration<double> total = std::chrono::steady_clock::now() - began;
  if (analysis.error) throw *analysis.error;
  std::map<std::string, double> seconds = {{"total", total.count()}};
  for (const auto& [stage, spent] : watch.seconds()) seconds[stage] += spent;
  return seconds;
}

void print_row(const std::string& stage, double seconds, double peak) {
  const std::map<std::string, double> gflop = {{"ctclip", kEncoderGflop},
                                               {"supervised", kEncoderGflop},
                                               {"diffusion_classifier", kSliceClassifierGflop}};
  const bool network = gflop.contains(stage);
  const double rate = network ? gflop.at(stage) / seconds : 0;
  fmt::print("| {:<20} | {:>7.2f} | {:>7} | {:>6} |\n", stage, seconds,
             network ? fmt::format("{:.0f}", rate) : "",
             network ? fmt::format("{:.0f} %", 100 * rate / peak) : "");
}

void run(const Options& options) {
  const auto began = std::chrono::steady_clock::now();
  const ctclip::nn::Precision precision = ctclip::nn::choose_precision(options.precision);
  auto pool = std::make_shared<ctclip::ThreadPool>(options.threads);
  const Pipeline pipeline(ctclip::open_bundle(options.models), pool, precision);
  const std::chrono::duration<double> start = std::chrono::steady_clock::now() - began;

  fs::path study = options.study;
  if (study.empty()) {
    study = fs::temp_directory_path() / fmt::format("ctclip_bench_{}.zip", options.slices);
    if (!fs::exists(study)) ctclip::bench::write_synthetic_study(study, options.slices);
  }
  std::map<std::string, double> best;
  double peak = 0;
  for (int round = 0; round < options.rounds; ++round) {
    peak = std::max(peak, ctclip::bench::peak_gflops(*pool, precision));
    for (const auto& [stage, seconds] : run_once(pipeline, study)) {
      const auto [found, added] = best.emplace(stage, seconds);
      if (!added) found->second = std::min(found->second, seconds);
    }
  }
  fmt::print("{} threads, {}, {}; {}; best of {} rounds\n", pool->threads(),
             ctclip::nn::precision_name(precision), ctclip::nn::instruction_set(),
             pipeline.bundle().title(), options.rounds);
  fmt::print("matrix product peak of this run, same precision: {:.0f} GFLOP/s\n\n", peak);
  fmt::print(
      "| stage                | seconds | GFLOP/s | of peak "
      "|\n|----------------------|---------|---------|---------|\n");
  for (const auto& [stage, seconds] : best) print_row(stage, seconds, peak);
  fmt::print(
      "\nstart {:.1f} s (hashes, packing, {} prompts); peak memory {:.2f} GiB, start included\n",
      start.count(), 2 * pipeline.bundle().prompts.size(), peak_memory_gib());
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): a benchmark may end by one
int main(int argc, char** argv) {
  CLI::App app("Seconds by stage, GFLOP/s and their share of the peak that the same run measures");
  Options options;
  app.add_option("--models", options.models,
                 "Bundle, as `ctclip models random DIR --full-size` writes");
  app.add_option("--study", options.study,
                 "Study to analyse; by default a synthetic one of 512x512 slices");
  app.add_option("--slices", options.slices, "Slices of the synthetic study")
      ->capture_default_str();
  app.add_option("--precision", options.precision,
                 "f32, bf16 or auto; the slice classifier computes in f32 whatever it is")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "0: one for each core")->capture_default_str();
  app.add_option("--rounds", options.rounds, "Rounds, of which the best counts")
      ->capture_default_str();
  app.add_flag("--diffusion", options.diffusion,
               "The anomaly detector's networks alone instead, with random weights");
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.diffusion) {
      ctclip::bench::bench_diffusion(options.threads);
    } else {
      run(options);
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ctclip_bench: {}\n", error.what());
    return 1;
  }
}
