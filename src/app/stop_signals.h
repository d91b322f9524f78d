#pragma once

#include <functional>
#include <thread>

namespace ctclip::app {

inline constexpr int kTerminated = 128 + 15;  ///< the status of a process that SIGTERM ended

/// Before any other thread is made, so that each inherits it: SIGTERM and SIGINT wait for
/// StopSignals.
void block_stop_signals();
/// The same for SIGHUP, which else ends the process.
void block_hangup();

/// Turns SIGTERM and SIGINT into calls of `stop`, on a thread of its own, while the object lives:
/// with 1 for the first, 2 for the second, and so on; and SIGHUP into calls of `hangup` where there
/// is one, on the same thread.
class StopSignals {
 public:
  explicit StopSignals(std::function<void(int)> stop, std::function<void()> hangup = {});

 private:
  std::jthread thread_;
};

}  // namespace ctclip::app
