#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "base/watch.h"
#include "study/study.h"

namespace ctclip::app {

/// Options that several sub-commands share, each declared once.
struct ModelOptions {
  std::filesystem::path models;
  std::string precision = "f32";
  int threads = 0;
};
void add_model_options(CLI::App& command, ModelOptions& options);
void add_threads_option(CLI::App& command, int& threads);
void add_study_options(CLI::App& command, StudyOptions& options);

/// Shows stage and share on stderr where that is a terminal; shows nothing elsewhere. `label` names
/// the study.
Watch::Listener progress_on_terminal(const std::string& label);
/// Wipes the progress line, if there is one.
void end_progress();

}  // namespace ctclip::app
