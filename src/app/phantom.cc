#include "phantom/phantom.h"

#include <fmt/format.h>

#include <atomic>

#include "app/choices.h"
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

std::vector<std::string> finding_names() {
  std::vector<std::string> names;
  for (const phantom::FindingKind& kind : phantom::finding_kinds()) names.emplace_back(kind.name);
  return names;
}

void add_patient_options(CLI::App& command, Options& options) {
  phantom::PhantomOptions& phantom = options.phantom;
  command.add_option("--seed", phantom.seed, "Patient; the same seed gives the same bytes")
      ->capture_default_str();
  offer(command.add_option("--finding", options.findings,
                           "Finding to show, for example nodule or "
                           "pleural_effusion:side=left,size=30; --list-findings names them"),
        finding_names())
      ->type_name("FINDING");
  command.add_flag("--random-findings", phantom.random_findings,
                   "Draw findings from the seed: none in about half of the patients");
  command.add_flag("--list-findings", options.list_findings, "Print the known findings and exit");
  take_enumerator(command.add_option("--part", phantom.part,
                                     "Part of the body; the lungs check refuses head and abdomen"),
                  {choice("chest", phantom::Part::chest), choice("head", phantom::Part::head),
                   choice("abdomen", phantom::Part::abdomen)});
  take_enumerator(
      command.add_option("--arms", phantom.arms_up, "Position of the arms; else by the seed"),
      {choice("up", true), choice("down", false)});
  command.add_flag("--metal", phantom.metal, "Add a pacemaker, with its streaks");
}

void add_scanner_options(CLI::App& command, Options& options) {
  phantom::PhantomOptions& phantom = options.phantom;
  command.add_option("--thickness", phantom.thickness,
                     "Slice thickness in mm; else by the seed, 1 to 5");
  command.add_option("--increment", phantom.increment,
                     "Distance between slices in mm; else the thickness or less");
  command.add_option("--fov", phantom.field_of_view, "Field of view in mm; else by the body");
  command.add_option("--dose", phantom.dose,
                     "Relative dose; noise is proportional to 1/sqrt(dose); else by the seed");
  take_enumerator(command.add_option("--kernel", phantom.kernels,
                                     "Reconstruction kernel, a series for each; both by default"),
                  {choice("soft", phantom::Kernel::soft), choice("lung", phantom::Kernel::lung)});
  command.add_option("--matrix", phantom.matrix, "Rows and columns of a slice")
      ->capture_default_str();
  command.add_flag("--no-localizer", options.no_localizer, "Leave out the localizer");
  command.add_flag("--motion", phantom.motion, "Add motion during some slices");
  take_one_of(command.add_option("--transfer-syntax", phantom.transfer_syntax,
                                 "How pixels are stored: " + phantom::transfer_syntax_list()),
              phantom::transfer_syntaxes(), "NAME")
      ->capture_default_str();
}

}  // namespace

void add_phantom(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "phantom", "Write a synthetic CT study as a scanner would send it, and the truth about it");
  command->add_option("OUT", options->out, "Folder or .zip file to write; must not exist");
  add_patient_options(*command, *options);
  add_scanner_options(*command, *options);
  command
      ->add_option("--count", options->count,
                   "Write this many studies, from --seed on: OUT/000017, ... for seed 17, ...")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--sheet", options->phantom.sheet, "Write a picture of it as well (PNG)");
  add_threads_option(*command, options->threads);
  command->footer("A phantom is no patient: see docs/phantom.md for what it is and is not.");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace ctclip::app
