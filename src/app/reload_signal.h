#pragma once

#include <functional>
#include <thread>

namespace ctclip::app {

/// Before any other thread is made, so that each inherits it: SIGHUP waits for ReloadSignal.
void block_reload_signal();

/// Turns SIGHUP into a call of `reload`, on a thread of its own, while the object lives.
class ReloadSignal {
 public:
  explicit ReloadSignal(std::function<void()> reload);

 private:
  std::jthread thread_;
};

}  // namespace ctclip::app
