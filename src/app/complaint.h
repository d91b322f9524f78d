#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace ctclip::app {

/// What is wrong with a command line that `app` could not parse, and which help tells more. A
/// misspelt command or option is suggested.
std::string complaint(const CLI::App& app, const CLI::ParseError& error);

/// The command of these names below `app`: {"models", "check"}. Throws Error{usage} that suggests
/// one.
const CLI::App& command_of(const CLI::App& app, const std::vector<std::string>& names);

}  // namespace ctclip::app
