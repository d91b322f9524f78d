#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/commands.h"
#include "app/log_options.h"
#include "app/options.h"
#include "app/reload.h"
#include "app/service_manager.h"
#include "app/stop_signals.h"
#include "base/log.h"
#include "fusion/names.h"
#include "isolation/isolated_loader.h"
#include "nn/precision.h"
#include "pipeline/load.h"
#include "server/server.h"

namespace ctclip::app {
namespace {

struct ServeOptions {
  ModelOptions model;
  ServerOptions server;
  double header_timeout = 30, idle_timeout = 60, stop_timeout = 840;  // seconds
  double read_timeout = 300;                                          // seconds
  uint64_t read_memory = 0;
  LogOptions log;
};

/// Every connection is a descriptor, and so is every upload; the usual soft limit is 1,024 in all.
void raise_descriptor_limit(int connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(connections) * 3 + 256;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, wanted));
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// A client's bytes are read in a process of their own, study by study.
StudyLoader isolated(const ServeOptions& options) {
  isolation::LoaderOptions loader;
  loader.threads = options.model.threads;
  loader.time = std::chrono::milliseconds(static_cast<int64_t>(options.read_timeout * 1000));
  loader.memory = options.read_memory;
  return isolation::IsolatedLoader(loader);
}

/// Loads the models beside a server that already answers.
class Loading {
 public:
  Loading(const ServeOptions& options, Server& server, const ServiceManager& manager)
      : loaded_(std::async(std::launch::async, [&options, &server, &manager] {
          try {
            auto analyser = load_analyser(models_folder(options.model), options.model.threads,
                                          nn::choose_precision(options.model.precision),
                                          options.server.jobs, isolated(options));
            const std::string bundle = analyser->facts().bundle;
            server.set_analyser(std::move(analyser));
            manager.ready("answers with the models " + bundle);
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

constexpr std::chrono::seconds kAliveWithin{5};  ///< a loaded machine is no reason to restart

void say_where(const std::string& host, uint16_t port) {
  log_event(spdlog::level::info, "listening", {{"host", host}, {"port", port}},
            fmt::format("listening on http://{}:{}; for diagnostic support only, every result must "
                        "be checked by a radiologist",
                        host, port));
}

int serve(const ServeOptions& options) {
  block_stop_signals();
  block_hangup();
  configure_log(options.log);
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit(options.server.connections);
  Server server(options.server);
  ServiceManager manager;
  Reload reload;
  const StopSignals signals(
      [&](int received) {
        if (received == 2) std::_Exit(kTerminated);
        manager.stopping();
        log_event(spdlog::level::info, "stopping", {{"timeout", options.stop_timeout}},
                  "stopping: accepted studies are finished first; a second signal ends at once");
        server.stop();
      },
      [&] { manager.reloading([&] { reload.run(); }); });
  say_where(options.server.host, server.port());
  Loading loading(options, server, manager);
  manager.watch([&server] { return server.responsive(kAliveWithin); });
  const std::size_t cut_off = server.run();
  log_event(cut_off == 0 ? spdlog::level::info : spdlog::level::warn, "stopped",
            {{"cut_off", cut_off}});
  const int status = cut_off == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  if (!loading.ended()) {
    // Nothing is left to answer, and a checkpoint of gigabytes cannot be interrupted.
    log().flush();
    std::_Exit(status);
  }
  loading.get();
  return status;
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
  command
      .add_option("--read-timeout", options.read_timeout,
                  "seconds for reading a study, in a process of its own; 422 beyond")
      ->check(CLI::Range(0.1, 86'400.0));
  command
      .add_option("--read-memory", options.read_memory,
                  "bytes of memory for the same; 0: what the largest study within the limits takes")
      ->transform(CLI::AsSizeValue(false));
  command
      .add_option("--stop-timeout", options.stop_timeout,
                  "seconds for accepted studies once it is told to stop; 503 to the rest")
      ->check(CLI::Range(0.0, 86'400.0));
  command.add_option("--disk-reserve", server.disk_reserve, "bytes of disk that stay free")
      ->transform(CLI::AsSizeValue(false));
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
  command
      ->add_option("--jobs", server.jobs,
                   "studies in the detectors at once; one more is read meanwhile")
      ->check(CLI::Range(1, 64));
  command->add_option("--queue", server.queue, "studies that wait; 429 beyond")
      ->check(CLI::Range(0, 100'000));
  command->add_option(
      "--spool", server.spool,
      "folder for uploads, of this process alone; default: a private one in TMPDIR");
  command->add_flag("--any-anatomy", server.any_anatomy,
                    "leave out the lungs check of every study, and say so in its warnings");
  add_limits(*command, *options);
  add_log_options(*command, options->log);
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
    options->server.stop_timeout = milliseconds(options->stop_timeout);
    action = [options] { return serve(*options); };
  });
}

}  // namespace ctclip::app
