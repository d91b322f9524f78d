#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

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

/// Tells people how far it is, on stderr: a bar where that is a terminal, else a line of the log
/// for each study, by its number, as its path may hold a patient's name. Thread-safe.
class Progress {
 public:
  Progress();
  void looking(int64_t files);
  void found(int64_t studies, int64_t passed_over);
  void begin(int64_t total, int64_t done);
  void answered(int64_t number, const Row& row);
  void end();

 private:
  void show(const std::string& line) const;

  const bool terminal_;
  std::mutex mutex_;
  Standing standing_;
  std::chrono::steady_clock::time_point began_, shown_;
};

}  // namespace ctclip::batch
