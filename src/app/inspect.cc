#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "app/commands.h"
#include "app/inspect_report.h"
#include "app/options.h"
#include "app/study_input.h"
#include "study/study.h"

namespace ctclip::app {
namespace {

struct Options {
  std::string study;
  StudyOptions load;
  bool json = false;
  int threads = 0;
};

int inspect(const Options& options) {
  const StudyInput input(options.study, options.load.limits);
  StudyReport report;
  report.any_anatomy = options.load.any_anatomy;
  ThreadPool pool(options.threads);
  Watch watch;
  try {
    study_loader(options.threads)(input.path(), options.load, pool, watch, report.facts);
  } catch (const Error& error) {
    report.error = error;
  }
  const std::string text = options.json ? report_json(report).dump(2) + "\n" : report_text(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return report.error ? 1 : 0;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Show what is in a study: series, choice and reasons, geometry, lungs, warnings");
  command
      ->add_option("STUDY", options->study,
                   "ZIP of DICOM files, folder of them, DICOM or NIfTI file, or - for the standard "
                   "input")
      ->required();
  command->add_flag("--json", options->json, "Print JSON instead of a table");
  add_study_options(*command, options->load);
  add_threads_option(*command, options->threads);
  command->footer("Exit status: 0 the study would be answered, 1 it would be refused, 2 usage.");
  command->callback([options, &action] { action = [options] { return inspect(*options); }; });
}

}  // namespace ctclip::app
