#include "app/log_options.h"

#include "app/choices.h"
#include "base/log.h"

namespace ctclip::app {

void add_log_options(CLI::App& command, LogOptions& options) {
  take_one_of(command.add_option("--log-format", options.format,
                                 "text to read, or json: one object a line (docs/logs.md)"),
              {"text", "json"});
  take_one_of(command.add_option("--log-level", options.level,
                                 "Least level to log; debug has the requests of monitors, too"),
              {"debug", "info", "warn", "error"});
}

void configure_log(const LogOptions& options) {
  ctclip::configure_log(options.format == "json" ? LogFormat::json : LogFormat::text,
                        spdlog::level::from_str(options.level));
}

}  // namespace ctclip::app
