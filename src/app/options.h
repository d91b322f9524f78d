#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/watch.h"
#include "study/study.h"

namespace ctclip {
class Pipeline;
}

namespace ctclip::app {

/// What reads the study of a command line, with as many threads: see
/// isolation::loader_of_files_and_folders.
StudyLoader study_loader(int threads);

/// Options that several sub-commands share, each declared once.
struct ModelOptions {
  std::filesystem::path models;
  std::string precision = "auto";
  int threads = 0;
};
/// Loads the models for commands that answer in this process.
std::shared_ptr<Pipeline> load_pipeline(const ModelOptions& options);
void add_model_options(CLI::App& command, ModelOptions& options);
void add_threads_option(CLI::App& command, int& threads);

/// The demo bundle that belongs to this program: ../share/ctclip/models/demo beside the folder of
/// an installed one, models/demo of the source tree for one in its build folder. Throws
/// Error{bad_model} where neither is there.
std::filesystem::path default_models();
/// The folder to give to `open_bundle`: the one that was named (--models, CTCLIP_MODELS); else none
/// where variables of an existing deployment name files, which must never be filled up from a demo;
/// else `default_models()`.
std::filesystem::path models_folder(const ModelOptions& options);

/// Seconds as options have them.
std::chrono::milliseconds milliseconds(double seconds);

void add_study_options(CLI::App& command, StudyOptions& options);

/// Shows stage and share on stderr where that is a terminal; shows nothing elsewhere. `label` names
/// the study.
Watch::Listener progress_on_terminal(const std::string& label);
/// Wipes the progress line, if there is one.
void end_progress();
/// Says the warnings about a study on stderr: a line each, with the input's name.
void print_warnings(const std::string& input, std::vector<std::string> warnings);

}  // namespace ctclip::app
