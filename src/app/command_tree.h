#pragma once

#include <CLI/CLI.hpp>
#include <vector>

namespace ctclip::app {

/// The commands right below `app`, in their order.
std::vector<const CLI::App*> commands_below(const CLI::App& app);

/// The options of `app` and of its option groups, positional ones included; each once.
std::vector<const CLI::Option*> options_of(const CLI::App& app);

}  // namespace ctclip::app
