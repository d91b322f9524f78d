#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ctclip::app {

/// How a command logs.
struct LogOptions {
  std::string format = "text";
  std::string level = "info";
};
void add_log_options(CLI::App& command, LogOptions& options);
void configure_log(const LogOptions& options);

}  // namespace ctclip::app
