#include "app/stop_signals.h"

#include <csignal>
#include <ctime>
#include <utility>

namespace ctclip::app {
namespace {

sigset_t stop_signals() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

static_assert(kTerminated == 128 + SIGTERM);

void block_stop_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

StopSignals::StopSignals(std::function<void(int)> stop)
    : thread_([stop = std::move(stop)](const std::stop_token& done) {
        const sigset_t set = stop_signals();
        constexpr timespec kLook{0, 100'000'000};
        for (int received = 0; !done.stop_requested();) {
          if (sigtimedwait(&set, nullptr, &kLook) < 0) continue;
          stop(++received);
        }
      }) {}

}  // namespace ctclip::app
