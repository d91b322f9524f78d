#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/terminal.h"
#include "batch/row.h"

namespace ctclip::batch {

/// How far a batch is.
struct Standing {
  int64_t total = 0;                ///< studies
  int64_t before = 0;               ///< that had their rows when this run began
  int64_t success = 0, failed = 0;  ///< in this run
  double seconds = 0;               ///< since this run began
};

/// "[#####---------------] 57/200 studies, 54 ok, 3 failed, 1.3/s, 1:50 left". `width`: of the bar.
std::string bar(const Standing& standing, int width = 20);

/// "waiting for http://localhost:8001: connection refused; 2 min so far; trying again for up to 3
/// min"
std::string waiting_text(const std::string& what, std::chrono::nanoseconds waited,
                         std::optional<std::chrono::milliseconds> left);

/// Tells people how far it is, on stderr: a bar where that is a terminal, else a line of the log
/// for each study, by its number, as its path may hold a patient's name. Thread-safe.
class Progress {
 public:
  Progress();
  void looking(int64_t files);
  void found(int64_t studies, int64_t passed_over);
  void begin(int64_t total, int64_t done);
  /// `total`: of studies, as far as is known now.
  void answered(int64_t number, const Row& row, int64_t total);
  /// Nothing is answered for now: `what` is the service and the reason, `left` how long it will be
  /// tried again. A line of the log at once, then one a minute until something is answered.
  void waiting(const std::string& what, std::optional<std::chrono::milliseconds> left);
  void end();

 private:
  Terminal& terminal_;
  std::mutex mutex_;
  Standing standing_;
  std::chrono::steady_clock::time_point began_, shown_, told_;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_;
  bool told_how_long_ = false;
};

}  // namespace ctclip::batch
