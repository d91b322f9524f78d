#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>

#include "bench/networks.h"
#include "bench/parts.h"
#include "bench/peak.h"
#include "bench/study.h"

namespace {

namespace fs = std::filesystem;
using namespace ctclip;  // NOLINT(google-build-using-namespace): one short program

struct Options {
  bench::NetworkBench network;
  fs::path study, output;
  std::string precision = "f32";
  int threads = 0;
};

using Command = std::function<void(const Options&, const std::shared_ptr<ThreadPool>&)>;

CLI::App* add(CLI::App& app, const std::string& name, const std::string& what, Options& options,
              Command& chosen, Command command) {
  CLI::App* sub = app.add_subcommand(name, what);
  sub->add_option("--models", options.network.models, "Bundle of the clinical size");
  sub->add_option("--volume", options.network.volume, "Prepared volume, .npy");
  sub->add_option("--study", options.study, "ZIP of DICOM files");
  sub->add_option("--output", options.output, "File to write");
  sub->add_option("--precision", options.precision, "f32 or bf16")->capture_default_str();
  sub->add_option("--threads", options.threads, "0: one for each core")->capture_default_str();
  sub->callback([&chosen, command = std::move(command)] { chosen = command; });
  return sub;
}

void add_workers(CLI::App& app, Options& options, Command& chosen) {
  add(app, "study", "Worker: a study through the whole pipeline", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>& pool) {
        bench::serve(bench::study_worker(o.network.models, o.study, pool, o.network.precision));
      });
  add(app, "reading", "Worker: what comes before the networks", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>& pool) {
        bench::serve(bench::reading_worker(o.study, pool));
      });
  add(app, "encoder", "Worker: CT-ViT, volume to codes", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>& pool) {
        bench::serve(bench::encoder_worker(o.network, *pool));
      });
  add(app, "slices", "Worker: the slice classifier over a volume's slices", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>& pool) {
        bench::serve(bench::slices_worker(o.network, *pool));
      });
  add(app, "denoiser", "Worker: one evaluation of the denoiser on each thread", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>& pool) {
        bench::serve(bench::denoiser_worker(o.network, *pool));
      });
  add(app, "peak", "Worker: the machine's peak", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>& pool) {
        bench::serve(bench::peak_worker(*pool, o.network.precision));
      });
}

void add_tables(CLI::App& app, Options& options, Command& chosen) {
  add(app, "parts", "Where the networks' CPU time goes, as tables", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>& pool) {
        bench::print_encoder_parts(o.network, *pool);
        bench::print_slice_parts(o.network, *pool);
      });
  add(app, "convolutions", "Each shape of convolution by each method, as a table", options, chosen,
      [](const Options&, const std::shared_ptr<ThreadPool>&) { bench::print_convolutions(); });
  add(app, "write-slices", "Write what the slice classifier sees of a volume", options, chosen,
      [](const Options& o, const std::shared_ptr<ThreadPool>&) {
        bench::write_slices(o.network, o.output);
      });
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): a benchmark may end by one
int main(int argc, char** argv) {
  nn::follow_onednn_limit();
  CLI::App app("What scripts/bench measures with: a process for each configuration");
  app.require_subcommand(1);
  Options options;
  Command command;
  add_workers(app, options, command);
  add_tables(app, options, command);
  CLI11_PARSE(app, argc, argv);
  try {
    options.network.precision = nn::precision_of(options.precision, nn::multiplies_bf16());
    command(options, std::make_shared<ThreadPool>(options.threads));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ctclip_bench: {}\n", error.what());
    return 1;
  }
}
