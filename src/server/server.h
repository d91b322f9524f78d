#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "history/study.h"
#include "pipeline/analyser.h"
#include "study/limits.h"

namespace ctclip {

/// Every limit of the service besides those of one study, each with its default and its reason
/// (docs/limits.md), and who is let in.
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
  int read_ahead = 1;      ///< of those that wait, read and prepared while the others compute
  int io_threads = 2;      ///< answers /health while studies run
  int connections = 1024;  ///< beyond, the one that has been idle longest is closed
  int client_connections = 256;  ///< of one address; none can hold every one. 0: no such limit
  int client_studies = 4;        ///< of one key or address at once, so that others have their turn
  uint32_t header_bytes = 16 << 10;                     ///< of a request; browsers send about 1 KiB
  std::chrono::milliseconds header_timeout{30'000};     ///< from the first byte to the last header
  std::chrono::milliseconds idle_timeout{60'000};       ///< without a byte from or to the client
  std::chrono::milliseconds handshake_timeout{10'000};  ///< TLS: two round trips
  std::chrono::milliseconds body_timeout{3'600'000};    ///< of an upload; 1 GiB at 2.4 Mbit/s
  uint64_t upload_rate = 1024;  ///< bytes/s, on average, that an upload may not stay below
  uint64_t disk_reserve = uint64_t{512} << 20;      ///< bytes of disk that uploads leave free
  std::chrono::milliseconds study_time{3'600'000};  ///< in the detectors; seconds, if all is well
  /// From `stop` on, for accepted studies to be answered: one that runs and a queue of 8, a minute
  /// and a half for each. A minute less than the unit gives the whole process.
  std::chrono::milliseconds stop_timeout{840'000};

  std::filesystem::path api_keys;  ///< docs/cli.md "keys"; empty: nobody is asked for a key
  std::vector<std::string> trusted_proxies;        ///< whose word on a client's address is taken
  std::filesystem::path tls_certificate, tls_key;  ///< PEM; both empty: plain HTTP
  std::vector<std::string> cors_origins;
};

/// The HTTP service: /health, /ready, /metrics, /openapi.json, /predict, /v1/studies, /
/// (docs/openapi.json). Uploads stream to the spool, a runner thread takes them through the
/// analyser, a client that goes away cancels its study.
class Server {
 public:
  /// Listens at once and answers 503 `starting` to /predict until `set_analyser`.
  /// Throws Error{usage} where the address cannot be bound, or keys or certificate are of no use.
  explicit Server(ServerOptions options);
  ~Server();

  uint16_t port() const;
  /// "https://127.0.0.1:8000", with the port that was bound.
  std::string url() const;
  void set_analyser(std::shared_ptr<const Analyser> analyser);

  /// Blocks until `stop`, then until every accepted study is answered, but for those that wait and
  /// that nobody waits for: with a `state`, the next process answers them. What is not answered
  /// within the stop timeout is left to the next process, too, or answered with 503
  /// `shutting_down`. Returns how many of the latter two there were.
  std::size_t run();
  /// Finishes what runs and waits, refuses what comes. Any thread, or a signal handler's thread.
  void stop();
  /// Whether the threads that answer /health come round to a new task within `limit`. Any thread
  /// but theirs.
  bool responsive(std::chrono::milliseconds limit);

  /// A file that can be read again while it runs. `read` throws Error, and what was read before
  /// stays in force. Any thread.
  struct Reread {
    std::string what;
    std::function<void()> read;
  };
  /// Keys and certificate, where there are any. For as long as the server lives.
  std::vector<Reread> rereads();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ctclip
