#include "app/log_options.h"

#include "base/log.h"

namespace ctclip::app {

void add_log_options(CLI::App& command, LogOptions& options) {
  command
      .add_option("--log-format", options.format,
                  "text to read, or json: one object a line (docs/logs.md)")
      ->check(CLI::IsMember({"text", "json"}));
  command
      .add_option("--log-level", options.level,
                  "debug (requests of monitors, too), info, warn, error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

void configure_log(const LogOptions& options) {
  ctclip::configure_log(options.format == "json" ? LogFormat::json : LogFormat::text,
                        spdlog::level::from_str(options.level));
}

}  // namespace ctclip::app
