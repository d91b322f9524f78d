#include "app/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/choices.h"
#include "app/values.h"
#include "base/error.h"
#include "base/terminal.h"
#include "base/uid.h"
#include "isolation/isolated_loader.h"
#include "pipeline/bundle.h"
#include "pipeline/pipeline.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

/// A person sees the progress and can stop it; this is for a reader that hangs unseen.
constexpr std::chrono::hours kReadingTime{1};
constexpr int kLevelsToSource = 4;  ///< build/<preset>/ and two to spare

fs::path folder_of_executable() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : executable.parent_path();
}

bool is_bundle(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "bundle.json", ignored);
}

/// What is no UID is not quoted: it may be somebody's name.
CLI::Validator is_uid() {
  return CLI::Validator(
      [](std::string& text) {
        text = uid_of(text);
        return std::string(text.empty() ? "expected a UID of 1 to 64 digits and dots" : "");
      },
      "");
}

}  // namespace

StudyLoader study_loader(int threads) {
  isolation::LoaderOptions options;
  options.threads = threads;
  options.time = kReadingTime;
  return isolation::loader_of_files_and_folders(options);
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

void add_threads_option(CLI::App& command, int& threads) {
  take_number(
      command.add_option("--threads", threads, "Threads that compute; 0 for one on each core"), 0,
      1024)
      ->capture_default_str();
}

std::shared_ptr<Pipeline> load_pipeline(const ModelOptions& options) {
  Bundle bundle = open_bundle(models_folder(options));
  PrecisionChoice choice = choose_precision(options.precision, bundle);
  return std::make_shared<Pipeline>(std::move(bundle),
                                    std::make_shared<ThreadPool>(options.threads),
                                    std::move(choice), study_loader(options.threads));
}

void add_model_options(CLI::App& command, ModelOptions& options) {
  command
      .add_option("--models", options.models,
                  "Folder of models, see docs/models.md. CTCLIP_MODEL_PATH, SUPERVISED_MODEL_PATH "
                  "and LIGHTGBM_MODEL_PATH replace single files of it. If nothing is named, the "
                  "demo bundle is used, which is not for patients: ../share/ctclip/models/demo "
                  "beside the program, or models/demo of its source tree")
      ->type_name("DIR")
      ->envname("CTCLIP_MODELS");
  take_one_of(command.add_option("--precision", options.precision,
                                 "How the networks multiply: f32; bf16 (rounded, up to twice as "
                                 "fast); auto: f32, unless the bundle records that bf16 was "
                                 "compared on its own studies (ctclip models compare) and the "
                                 "processor has it"),
              {"auto", "f32", "bf16"})
      ->capture_default_str();
  add_threads_option(command, options.threads);
}

fs::path default_models() {
  const fs::path here = folder_of_executable();
  fs::path installed = (here.parent_path() / "share/ctclip/models/demo").lexically_normal();
  if (is_bundle(installed)) return installed;
  fs::path above = here;
  for (int level = 0; level < kLevelsToSource && above.has_relative_path(); ++level) {
    if (is_bundle(above / "models/demo")) return above / "models/demo";
    above = above.parent_path();
  }
  throw Error(Code::bad_model,
              fmt::format("expected a folder of models, found none: name one with --models or "
                          "CTCLIP_MODELS; the demo bundle is neither in {} nor in models/demo "
                          "above {}",
                          installed.string(), here.string()));
}

fs::path models_folder(const ModelOptions& options) {
  if (!options.models.empty() || environment_names_models()) return options.models;
  return default_models();
}

void add_study_options(CLI::App& command, StudyOptions& options) {
  command
      .add_option("--series", options.series_uid,
                  "SeriesInstanceUID of the series to answer, instead of the chosen one")
      ->type_name("UID")
      ->check(is_uid());
  command
      .add_option("--study", options.study_uid,
                  "StudyInstanceUID to answer if the archive or folder holds several studies")
      ->type_name("UID")
      ->check(is_uid());
  command.add_flag("--any-anatomy", options.any_anatomy,
                   "Skip the check for lungs; the answer says so");
}

Watch::Listener progress_on_terminal(const std::string& label) {
  if (!Terminal::of_stderr().shows_progress()) return {};
  return [label](std::string_view stage, int64_t done, int64_t total) {
    const std::string share = total > 0 ? fmt::format(" {}/{}", done, total) : "";
    Terminal::of_stderr().show(fmt::format("{}: {}{}", label, stage, share));
  };
}

void end_progress() { Terminal::of_stderr().clear(); }

void print_warnings(const std::string& input, std::vector<std::string> warnings) {
  for (std::string& warning : warnings) {
    std::ranges::replace_if(
        warning, [](unsigned char c) { return c < ' ' || c == 127; }, '?');
    Terminal::of_stderr().print(fmt::format("ctclip: warning: {}: {}\n", input, warning));
  }
}

}  // namespace ctclip::app
