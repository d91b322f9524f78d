#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>

#include "app/commands.h"
#include "app/options.h"
#include "app/stop_signals.h"
#include "base/log.h"
#include "fusion/names.h"
#include "nn/precision.h"
#include "pipeline/load.h"
#include "server/server.h"

namespace ctclip::app {
namespace {

struct ServeOptions {
  ModelOptions model;
  ServerOptions server;
  double header_timeout = 30, idle_timeout = 60;              // seconds
  int keep_uploads = 0, keep_results = 30, keep_audit = 365;  // days
};

/// Every connection is a descriptor, and so is every upload; the usual soft limit is 1,024 in all.
void raise_descriptor_limit(int connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(connections) * 3 + 256;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, wanted));
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Loads the models beside a server that already answers.
class Loading {
 public:
  Loading(const ServeOptions& options, Server& server)
      : loaded_(std::async(std::launch::async, [&options, &server] {
          try {
            server.set_analyser(load_analyser(models_folder(options.model), options.model.threads,
                                              nn::choose_precision(options.model.precision)));
          } catch (...) {
            server.stop();
            throw;
          }
        })) {}

  bool ended() const {
    return loaded_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  /// Throws what the loading threw.
  void get() { loaded_.get(); }

 private:
  std::future<void> loaded_;
};

int serve(const ServeOptions& options) {
  block_stop_signals();
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit(options.server.connections);
  Server server(options.server);
  const StopSignals signals([&server](int received) {
    if (received == 2) std::_Exit(kTerminated);
    log().info("stopping: accepted studies are finished first; a second signal ends at once");
    server.stop();
  });
  log().info(
      "listening on http://{}:{}; for diagnostic support only, every result must be checked "
      "by a radiologist",
      options.server.host, server.port());
  Loading loading(options, server);
  server.run();
  log().info("stopped");
  if (!loading.ended()) {
    // Nothing is left to answer, and a checkpoint of gigabytes cannot be interrupted.
    log().flush();
    std::_Exit(EXIT_SUCCESS);
  }
  loading.get();
  return EXIT_SUCCESS;
}

void add_limits(CLI::App& command, ServeOptions& options) {
  ServerOptions& server = options.server;
  command.add_option("--max-upload", server.limits.upload_bytes, "largest upload, bytes")
      ->transform(CLI::AsSizeValue(false));
  command
      .add_option("--max-inflated", server.limits.inflated_bytes, "largest inflated study, bytes")
      ->transform(CLI::AsSizeValue(false));
  command.add_option("--max-connections", server.connections, "open connections")
      ->check(CLI::Range(1, 100'000));
  command.add_option("--header-timeout", options.header_timeout, "seconds for a request's header")
      ->check(CLI::Range(0.1, 3600.0));
  command.add_option("--idle-timeout", options.idle_timeout, "seconds without a byte")
      ->check(CLI::Range(0.1, 3600.0));
  command
      .add_option("--min-upload-rate", server.upload_rate,
                  "bytes per second that an upload may not stay below")
      ->transform(CLI::AsSizeValue(false));
  command.add_option("--disk-reserve", server.disk_reserve, "bytes of disk that stay free")
      ->transform(CLI::AsSizeValue(false));
}

void add_state(CLI::App& command, ServeOptions& options) {
  constexpr int kMostDays = 36'500;
  command.add_option("--state", options.server.state,
                     "folder in which accepted studies and their answers outlast the service, of "
                     "this process alone; default: none, in memory");
  command
      .add_option("--keep-results", options.keep_results, "days that answers stay in the history")
      ->check(CLI::Range(1, kMostDays));
  command.add_option("--keep-audit", options.keep_audit, "days that the audit stays")
      ->check(CLI::Range(1, kMostDays));
  command
      .add_option("--keep-uploads", options.keep_uploads,
                  "days that uploads of answered studies stay on disk; 0: gone when answered")
      ->check(CLI::Range(0, kMostDays));
}

/// A service takes its options from the environment, too: "--max-upload" is CTCLIP_MAX_UPLOAD.
std::string variable_of(const std::string& option) {
  std::string name = "CTCLIP_" + option.substr(option.find_first_not_of('-'));
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "Answer studies over HTTP");
  command->footer(std::string(kWarningEnglish));
  add_model_options(*command, options->model);
  ServerOptions& server = options->server;
  command->add_option("--host", server.host, "address to listen on; 0.0.0.0 for every one");
  command->add_option("--port", server.port, "0 for any free one");
  command->add_option("--jobs", server.jobs, "studies at once")->check(CLI::Range(1, 64));
  command->add_option("--queue", server.queue, "studies that wait; 429 beyond")
      ->check(CLI::Range(0, 100'000));
  command->add_option(
      "--spool", server.spool,
      "folder for uploads, of this process alone; default: a private one in TMPDIR");
  command->add_flag("--any-anatomy", server.any_anatomy,
                    "leave out the lungs check of every study, and say so in its warnings");
  add_state(*command, *options);
  add_limits(*command, *options);
  for (CLI::Option* option : command->get_options()) {
    option->capture_default_str();
    if (option->get_name() != "--help") option->envname(variable_of(option->get_name()));
  }
  command->callback([options, &action] {
    const auto milliseconds = [](double seconds) {
      return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
    };
    options->server.header_timeout = milliseconds(options->header_timeout);
    options->server.idle_timeout = milliseconds(options->idle_timeout);
    options->server.retention = {std::chrono::days(options->keep_uploads),
                                 std::chrono::days(options->keep_results),
                                 std::chrono::days(options->keep_audit)};
    action = [options] { return serve(*options); };
  });
}

}  // namespace ctclip::app
