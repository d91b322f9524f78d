#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace ctclip::app {

/// The scripts by which shells complete a command line, made of the program's own commands and
/// options, so that none can be missing. Each script knows a command by its path, "ctclip models
/// check", and offers its sub-commands, its options with their descriptions, and the values of an
/// option that has a list of them; everything else is a file's name.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace ctclip::app
