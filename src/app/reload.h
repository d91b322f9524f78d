#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ctclip::app {

/// What SIGHUP makes the service read again. Thread-safe.
class Reload {
 public:
  /// `what` names it in the log: "certificate". What `read` throws is logged, and the rest is read
  /// nevertheless: `read` must leave what was before in its place until it has succeeded.
  void on_hangup(std::string what, std::function<void()> read);

  /// Calls all, in the order in which they came. Never throws for what they throw.
  void run();

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::string, std::function<void()>>> readers_;
};

}  // namespace ctclip::app
