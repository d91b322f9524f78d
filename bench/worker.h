#pragma once

#include <functional>
#include <nlohmann/json.hpp>

namespace ctclip::bench {

/// One configuration that a script measures, in a process of its own: so its peak memory means
/// something, and rounds of several can take turns on a machine that wanders.
struct Worker {
  nlohmann::json facts;                     ///< told once it is ready: GFLOP of a round, ...
  std::function<nlohmann::json()> round;    ///< what is timed; its facts of this round, or null
  std::function<nlohmann::json()> outcome;  ///< what the network answered, for a comparison
};

/// Speaks with the script, a line of JSON each way (bench/suite/worker.py):
///   -> {"ready": true, "start_seconds": S, FACTS}
///   <- round     -> {"seconds": S, "cpu_seconds": S, FACTS}
///   <- outcome   -> [...]
///   <- end of input -> {"peak_memory_gib": M}
/// `start_seconds` since this process was started. CPU seconds are of all its threads.
void serve(const Worker& worker);

/// The most memory that this process has held (VmHWM), GiB.
double peak_memory_gib();

/// CPU seconds of all threads of this process so far.
double cpu_seconds();

}  // namespace ctclip::bench
