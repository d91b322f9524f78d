#pragma once

#include <functional>
#include <thread>

namespace ctclip::app {

inline constexpr int kTerminated = 128 + 15;  ///< the status of a process that SIGTERM ended

/// Before any other thread is made, so that each inherits it: SIGTERM and SIGINT wait for
/// StopSignals.
void block_stop_signals();

/// Turns SIGTERM and SIGINT into calls of `stop`, on a thread of its own, while the object lives:
/// with 1 for the first, 2 for the second, and so on.
class StopSignals {
 public:
  explicit StopSignals(std::function<void(int)> stop);

 private:
  std::jthread thread_;
};

}  // namespace ctclip::app
