#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ctclip::app {

/// The variable that an option is read from: "--max-upload" is CTCLIP_MAX_UPLOAD.
std::string variable_of(const std::string& option);

/// What is wrong with the variables CTCLIP_...: one that nothing reads, or a value that its option
/// does not take. Empty if nothing is. A variable that is complained about is unset, so that
/// --help is still printed. Before the command is parsed, and before any thread is made.
std::string complaint_about_environment(CLI::App& command);

}  // namespace ctclip::app
