#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "pipeline/analyser.h"
#include "study/limits.h"

namespace ctclip {

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8000;  ///< 0: any free one, see Server::port
  Limits limits;
  std::filesystem::path
      spool;      ///< where uploads are kept while they wait; empty: a private folder in TMPDIR
  int jobs = 1;   ///< studies in the detectors at once; each uses every thread of the pool anyway
  int queue = 8;  ///< studies that wait for them; 429 beyond
  int io_threads = 2;  ///< answers /health while studies run
  int connections = 1024;
  std::chrono::seconds header_timeout{30};
  std::chrono::seconds idle_timeout{60};  ///< without a byte from or to the client
};

/// The HTTP service: /health, /ready, /predict, / (service.md "Answer"). Uploads stream to the
/// spool, a runner thread takes them through the analyser, a client that goes away cancels its
/// study.
class Server {
 public:
  /// Listens at once and answers 503 `starting` to /predict until `set_analyser`.
  /// Throws Error{usage} where the address cannot be bound.
  explicit Server(ServerOptions options);
  ~Server();

  uint16_t port() const;
  void set_analyser(std::shared_ptr<const Analyser> analyser);

  /// Blocks until `stop`, then until every accepted study is answered.
  void run();
  /// Finishes what runs and waits, refuses what comes. Any thread, or a signal handler's thread.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ctclip
