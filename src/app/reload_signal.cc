#include "app/reload_signal.h"

#include <csignal>
#include <ctime>
#include <utility>

namespace ctclip::app {
namespace {

sigset_t hangup() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_reload_signal() {
  const sigset_t set = hangup();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

ReloadSignal::ReloadSignal(std::function<void()> reload)
    : thread_([reload = std::move(reload)](const std::stop_token& done) {
        const sigset_t set = hangup();
        constexpr timespec kLook{0, 100'000'000};
        while (!done.stop_requested()) {
          if (sigtimedwait(&set, nullptr, &kLook) == SIGHUP) reload();
        }
      }) {}

}  // namespace ctclip::app
