#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/commands.h"
#include "app/environment.h"
#include "app/log_options.h"
#include "app/options.h"
#include "app/reload.h"
#include "app/service_manager.h"
#include "app/state_option.h"
#include "app/stop_signals.h"
#include "app/values.h"
#include "base/error.h"
#include "base/log.h"
#include "fusion/names.h"
#include "isolation/isolated_loader.h"
#include "pipeline/load.h"
#include "server/server.h"
#include "server/trusted_proxies.h"

namespace ctclip::app {
namespace {

struct ServeOptions {
  ModelOptions model;
  ServerOptions server;
  // seconds
  double header_timeout = 30, idle_timeout = 60, handshake_timeout = 10;
  double body_timeout = 3600, read_timeout = 300, study_timeout = 3600, stop_timeout = 840;
  uint64_t read_memory = 0;
  LogOptions log;
  std::string state;                                          ///< see state_folder()
  std::string environment;                                    ///< what is wrong with it
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

/// A client's bytes are read in a process of their own, study by study.
StudyLoader isolated(const ServeOptions& options) {
  isolation::LoaderOptions loader;
  loader.threads = options.model.threads;
  loader.time = milliseconds(options.read_timeout);
  loader.memory = options.read_memory;
  return isolation::IsolatedLoader(loader);
}

/// Loads the models beside a server that already answers.
class Loading {
 public:
  Loading(const ServeOptions& options, Server& server, const ServiceManager& manager)
      : loaded_(std::async(std::launch::async, [&options, &server, &manager] {
          try {
            auto analyser =
                load_analyser(models_folder(options.model), options.model.threads,
                              options.model.precision, options.server.jobs, isolated(options));
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

void say_where(const Server& server, const std::string& host) {
  log_event(
      spdlog::level::info, "listening",
      {{"host", host}, {"port", server.port()}, {"url", server.url()}},
      fmt::format("listening on {}; for diagnostic support only, every result must be checked "
                  "by a radiologist",
                  server.url()));
}

void say_what_is_kept(const std::filesystem::path& state) {
  const std::string where = state.empty() ? "nothing outlasts this process (--state none)"
                                          : "accepted studies and answers are in " + state.string();
  log_event(spdlog::level::info, "state", {{"folder", state.string()}}, "state: " + where);
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
  for (auto& [what, read] : server.rereads()) reload.on_hangup(what, read);
  const StopSignals signals(
      [&](int received) {
        if (received == 2) std::_Exit(kTerminated);
        manager.stopping();
        log_event(spdlog::level::info, "stopping", {{"timeout", options.stop_timeout}},
                  "stopping: accepted studies are finished first; a second signal ends at once");
        server.stop();
      },
      [&] { manager.reloading([&] { reload.run(); }); });
  say_where(server, options.server.host);
  say_what_is_kept(options.server.state);
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

constexpr uint64_t kMostBytes = uint64_t{1} << 62;

void add_bytes(CLI::App& command, const char* name, uint64_t& value, const char* meaning,
               uint64_t least = 0) {
  take_bytes(command.add_option(name, value, meaning), least, kMostBytes);
}

void add_seconds(CLI::App& command, const char* name, double& value, const char* meaning,
                 double least = 0.001) {
  take_seconds(command.add_option(name, value, meaning), least, 604'800);
}

template <typename Number>
void add_number(CLI::App& command, const char* name, Number& value, const char* meaning,
                int64_t least, int64_t most) {
  take_number(command.add_option(name, value, meaning), least, most);
}

void add_study_limits(CLI::App& command, Limits& limits) {
  add_bytes(command, "--max-upload", limits.upload_bytes, "largest upload, bytes", 1);
  add_bytes(command, "--max-inflated", limits.inflated_bytes, "largest inflated study, bytes", 1);
  add_number(command, "--max-ratio", limits.ratio, "times its size that an archive may inflate to",
             2, 10'000);
  add_number(command, "--max-entries", limits.entries, "files in an archive or folder", 1,
             10'000'000);
  add_number(command, "--max-depth", limits.depth, "folders inside one another", 1, 1'000);
  add_bytes(command, "--max-dicom-header", limits.header_bytes,
            "bytes of one DICOM file before its pixel data", 1);
  add_number(command, "--min-slices", limits.min_slices, "valid slices that a series needs", 20,
             5'000);
  add_number(command, "--max-slices", limits.max_slices, "slices of a series or NIfTI volume", 20,
             100'000);
  add_number(command, "--max-matrix", limits.max_matrix, "rows or columns of an image", 64, 32'768);
  add_number(command, "--max-voxels", limits.max_voxels, "voxels of a volume, 4 bytes each",
             int64_t{1} << 20, int64_t{1} << 34);
}

void add_service_limits(CLI::App& command, ServeOptions& options) {
  ServerOptions& server = options.server;
  add_number(command, "--max-connections", server.connections, "open connections", 1, 100'000);
  add_number(command, "--client-connections", server.client_connections,
             "open connections of one address; 0 for no such limit", 0, 100'000);
  add_number(command, "--client-studies", server.client_studies,
             "studies of one API key or address at once; 0 for no such limit", 0, 100'000);
  add_seconds(command, "--handshake-timeout", options.handshake_timeout, "seconds for TLS' own");
  add_seconds(command, "--header-timeout", options.header_timeout,
              "seconds for a request's header");
  add_seconds(command, "--body-timeout", options.body_timeout, "seconds for an upload");
  add_seconds(command, "--idle-timeout", options.idle_timeout, "seconds without a byte");
  add_bytes(command, "--min-upload-rate", server.upload_rate,
            "bytes per second that an upload may not stay below");
  add_seconds(command, "--read-timeout", options.read_timeout,
              "seconds for reading a study, in a process of its own");
  add_bytes(command, "--read-memory", options.read_memory,
            "bytes of memory for the same; 0: what the largest study within the limits takes");
  add_seconds(command, "--study-timeout", options.study_timeout, "seconds to answer a study in");
  add_seconds(command, "--stop-timeout", options.stop_timeout,
              "seconds for accepted studies once it is told to stop; 503 to the rest", 0);
  add_bytes(command, "--disk-reserve", server.disk_reserve, "bytes of disk that stay free");
}

/// A network of --trusted-proxy.
CLI::Validator network() {
  return CLI::Validator(
      [](std::string& typed) -> std::string {
        try {
          TrustedProxies({typed});
        } catch (const Error& error) {
          return error.what();
        }
        return {};
      },
      "CIDR");
}

void add_access(CLI::App& command, ServerOptions& server) {
  command.add_option("--api-keys", server.api_keys,
                     "file of `ctclip keys`: who may ask; without it, whoever reaches the port");
  CLI::Option* certificate = command.add_option(
      "--tls-certificate", server.tls_certificate,
      "PEM file, the chain behind the certificate: the service speaks HTTPS alone");
  CLI::Option* key =
      command.add_option("--tls-key", server.tls_key, "its private key, PEM, no passphrase");
  certificate->needs(key);
  key->needs(certificate);
  command
      .add_option("--trusted-proxy", server.trusted_proxies,
                  "address or network, as 10.0.0.0/8 or fd00::/8, of a proxy whose X-Forwarded-For "
                  "or Forwarded names the client; can be repeated, or separated by commas")
      ->delimiter(',')
      ->check(network());
  command
      .add_option("--cors-origin", server.cors_origins,
                  "origin whose pages may use the service, as https://viewer.example.org; can be "
                  "repeated, or separated by commas")
      ->delimiter(',');
}

void add_state(CLI::App& command, ServeOptions& options) {
  constexpr int kMostDays = 36'500;
  add_state_option(command, options.state,
                   "folder in which accepted studies and their answers outlast the service, of "
                   "this process alone; `none` to keep nothing; default: $XDG_STATE_HOME/ctclip, "
                   "else ~/.local/state/ctclip");
  add_number(command, "--keep-results", options.keep_results,
             "days that answers stay in the history", 1, kMostDays);
  add_number(command, "--keep-audit", options.keep_audit, "days that the audit stays", 1,
             kMostDays);
  add_number(command, "--keep-uploads", options.keep_uploads,
             "days that uploads of answered studies stay on disk; 0: gone when answered", 0,
             kMostDays);
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "Answer studies over HTTP");
  command->footer(std::string(kWarningEnglish));
  add_model_options(*command, options->model);
  ServerOptions& server = options->server;
  command->add_option("--host", server.host, "address to listen on; 0.0.0.0 for every one");
  add_number(*command, "--port", server.port, "0 for any free one", 0, 65'535);
  add_number(*command, "--jobs", server.jobs,
             "studies in the detectors at once; one more is read meanwhile", 1, 64);
  add_number(*command, "--queue", server.queue, "studies that wait; 429 beyond", 0, 100'000);
  command->add_option(
      "--spool", server.spool,
      "folder for uploads, of this process alone; default: a private one in TMPDIR");
  command->add_flag("--any-anatomy", server.any_anatomy,
                    "leave out the lungs check of every study, and say so in its warnings");
  add_state(*command, *options);
  add_access(*command, server);
  add_study_limits(*command, server.limits);
  add_service_limits(*command, *options);
  add_log_options(*command, options->log);
  for (CLI::Option* option : command->get_options()) {
    if (option->get_delimiter() == '\0') option->capture_default_str();  // not of an empty list
    if (option->get_name() != "--help") option->envname(variable_of(option->get_name()));
  }
  command->preparse_callback([options, command](std::size_t) {
    options->environment = complaint_about_environment(*command);
  });
  command->callback([options, &action] {
    options->server.header_timeout = milliseconds(options->header_timeout);
    options->server.idle_timeout = milliseconds(options->idle_timeout);
    options->server.handshake_timeout = milliseconds(options->handshake_timeout);
    options->server.body_timeout = milliseconds(options->body_timeout);
    options->server.study_time = milliseconds(options->study_timeout);
    options->server.stop_timeout = milliseconds(options->stop_timeout);
    options->server.retention = {std::chrono::days(options->keep_uploads),
                                 std::chrono::days(options->keep_results),
                                 std::chrono::days(options->keep_audit)};
    action = [options] {
      if (!options->environment.empty()) throw Error(Code::usage, options->environment);
      options->server.state = state_folder(options->state);
      return serve(*options);
    };
  });
}

}  // namespace ctclip::app
