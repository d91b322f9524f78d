#include "phantom/phantom.h"

#include <fmt/format.h>

#include <atomic>

#include "app/commands.h"
#include "app/options.h"
#include "base/error.h"
#include "phantom/dicom_file.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path out;
  phantom::PhantomOptions phantom;
  std::vector<std::string> findings;
  bool list_findings = false, no_localizer = false;
  int64_t count = 0;  // 0: one study, OUT itself
  int threads = 0;
};

int list_findings() {
  fmt::print("{:<24} {:<6} {:<48} {}\n", "name", "sided", "size",
             "the supervised model's or CT-CLIP's");
  for (const phantom::FindingKind& kind : phantom::finding_kinds()) {
    const std::string size =
        fmt::format("{} ({:g} to {:g})", kind.size_is, kind.size_low, kind.size_high);
    fmt::print("{:<24} {:<6} {:<48} {}\n", kind.name, kind.sided ? "yes" : "no", size,
               kind.supervised.empty() ? kind.prompt : kind.supervised);
  }
  return 0;
}

/// Studies in parallel rather than parts of one: nothing waits for the slowest thread of a slab.
void write_many(const Options& options, ThreadPool& pool) {
  if (!options.phantom.sheet.empty()) {
    throw Error(Code::usage, "--sheet shows one study; leave out --count.");
  }
  if (options.out.extension() == ".zip") {
    throw Error(Code::usage, "--count writes a folder of studies, not " + options.out.string());
  }
  const auto progress = progress_on_terminal(options.out.filename().string());
  std::atomic<int64_t> done = 0;
  pool.run(options.count, [&](int64_t i) {
    phantom::PhantomOptions one = options.phantom;
    one.seed += static_cast<uint64_t>(i);
    Watch watch;
    phantom::write_phantom(options.out / fmt::format("{:06}", one.seed), one, pool, watch);
    if (progress) progress("phantoms", ++done, options.count);
  });
}

int run(Options options) {
  if (options.list_findings) return list_findings();
  if (options.out.empty()) throw Error(Code::usage, "OUT is missing: a folder or a .zip to write.");
  for (const std::string& text : options.findings) {
    options.phantom.findings.push_back(phantom::parse_finding(text));
  }
  options.phantom.localizer = !options.no_localizer;
  ThreadPool pool(options.threads);
  if (options.count > 0) {
    write_many(options, pool);
  } else {
    Watch watch({}, progress_on_terminal(options.out.filename().string()));
    phantom::write_phantom(options.out, options.phantom, pool, watch);
  }
  end_progress();
  return 0;
}

void add_patient_options(CLI::App& command, Options& options) {
  phantom::PhantomOptions& phantom = options.phantom;
  command.add_option("--seed", phantom.seed, "Who it is; the same seed gives the same bytes")
      ->capture_default_str();
  command.add_option("--finding", options.findings,
                     "A finding to show, e.g. nodule or pleural_effusion:side=left,size=30; any "
                     "number of times (--list-findings)");
  command.add_flag("--random-findings", phantom.random_findings,
                   "Findings drawn from the seed: none in about half of the patients");
  command.add_flag("--list-findings", options.list_findings, "Print what can be shown, and stop");
  command
      .add_option("--part", phantom.part, "chest; or head, abdomen: what the lungs check refuses")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, phantom::Part>{{"chest", phantom::Part::chest},
                                               {"head", phantom::Part::head},
                                               {"abdomen", phantom::Part::abdomen}}));
  command.add_option("--arms", phantom.arms_up, "up or down; else by the seed")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"up", true}, {"down", false}}));
  command.add_flag("--metal", phantom.metal, "A pacemaker, with its streaks");
}

void add_scanner_options(CLI::App& command, Options& options) {
  phantom::PhantomOptions& phantom = options.phantom;
  command.add_option("--thickness", phantom.thickness, "mm of a slice; else by the seed, 1 to 5");
  command.add_option("--increment", phantom.increment,
                     "mm between slices; else the thickness or less");
  command.add_option("--fov", phantom.field_of_view, "Field of view in mm; else by the body");
  command.add_option("--dose", phantom.dose,
                     "Relative dose: noise goes with 1/sqrt; else by the seed");
  command
      .add_option("--kernel", phantom.kernels, "soft or lung, a series for each; both by default")
      ->transform(CLI::CheckedTransformer(std::map<std::string, phantom::Kernel>{
          {"soft", phantom::Kernel::soft}, {"lung", phantom::Kernel::lung}}));
  command.add_option("--matrix", phantom.matrix, "Rows and columns of a slice")
      ->capture_default_str();
  command.add_flag("--no-localizer", options.no_localizer, "Leave out the localizer");
  command.add_flag("--motion", phantom.motion, "Motion during some slices");
  command
      .add_option("--transfer-syntax", phantom.transfer_syntax,
                  "One of " + phantom::transfer_syntax_list())
      ->capture_default_str();
}

}  // namespace

void add_phantom(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "phantom", "Make a synthetic CT study as a scanner would send it, and the truth about it");
  command->add_option("OUT", options->out, "Folder or .zip to write; must not exist yet");
  add_patient_options(*command, *options);
  add_scanner_options(*command, *options);
  command
      ->add_option("--count", options->count,
                   "Many studies, from --seed on: OUT/000017, ... for seed 17, ...")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--sheet", options->phantom.sheet, "A picture of it as well (PNG)");
  add_threads_option(*command, options->threads);
  command->footer("A phantom is no patient: see docs/phantom.md for what it is and is not.");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace ctclip::app
