#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

namespace ctclip::app {

/// `--state`, as a command line or a variable has it: a folder, `none`, or empty for the user's.
CLI::Option* add_state_option(CLI::App& command, std::string& state, const std::string& meaning);

/// The folder that `state` means: empty for `none`; by default ctclip in XDG_STATE_HOME, else in
/// ~/.local/state (XDG Base Directory Specification). Throws Error{usage} if neither variable names
/// an absolute path.
std::filesystem::path state_folder(const std::string& state);

}  // namespace ctclip::app
