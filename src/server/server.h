#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "history/study.h"
#include "pipeline/analyser.h"
#include "study/limits.h"

namespace ctclip {

/// Every limit of the service besides those of one study, each with its default and its reason.
struct ServerOptions {
  std::string host = "127.0.0.1";  ///< a name or an address; nobody else's machine unless told
  uint16_t port = 8000;            ///< 0: any free one, see Server::port
  Limits limits;
  bool any_anatomy = false;  ///< leave out the lungs check of every study
  /// Where uploads are kept while they wait; empty: a private folder in TMPDIR.
  std::filesystem::path spool;
  /// Where accepted studies, their answers and uploads outlast the process (docs/history.md),
  /// unless `spool` says otherwise for the uploads; empty: in memory, gone with it.
  std::filesystem::path state;
  history::Retention retention;  ///< uploads of answered studies are kept only with `state`
  int jobs = 1;            ///< studies in the detectors at once; each uses every thread anyway
  int queue = 8;           ///< studies that wait for them; 429 beyond
  int io_threads = 2;      ///< answers /health while studies run
  int connections = 1024;  ///< beyond, the one that has been idle longest is closed
  uint32_t header_bytes = 16 << 10;                  ///< of a request; browsers send about 1 KiB
  std::chrono::milliseconds header_timeout{30'000};  ///< from the first byte to the last header
  std::chrono::milliseconds idle_timeout{60'000};    ///< without a byte from or to the client
  uint64_t upload_rate = 1024;  ///< bytes/s, on average, that an upload may not stay below
  uint64_t disk_reserve = uint64_t{512} << 20;  ///< bytes of disk that uploads leave free
};

/// The HTTP service: /health, /ready, /openapi.json, /predict, /v1/studies, / (docs/openapi.json).
/// Uploads stream to the spool, a runner thread takes them through the analyser, a client that goes
/// away cancels its study.
class Server {
 public:
  /// Listens at once and answers 503 `starting` to /predict until `set_analyser`.
  /// Throws Error{usage} where the address cannot be bound.
  explicit Server(ServerOptions options);
  ~Server();

  uint16_t port() const;
  void set_analyser(std::shared_ptr<const Analyser> analyser);

  /// Blocks until `stop`, then until every accepted study is answered, but for those that wait and
  /// that nobody waits for: with a `state`, the next process answers them.
  void run();
  /// Finishes what runs and waits, refuses what comes. Any thread, or a signal handler's thread.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ctclip
