#include "app/stop_signals.h"

#include <csignal>
#include <ctime>
#include <initializer_list>
#include <utility>

namespace ctclip::app {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set{};
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

void block(const sigset_t& set) { pthread_sigmask(SIG_BLOCK, &set, nullptr); }

}  // namespace

static_assert(kTerminated == 128 + SIGTERM);

void block_stop_signals() { block(set_of({SIGTERM, SIGINT})); }
void block_hangup() { block(set_of({SIGHUP})); }

StopSignals::StopSignals(std::function<void(int)> stop, std::function<void()> hangup)
    : thread_([stop = std::move(stop), hangup = std::move(hangup)](const std::stop_token& done) {
        sigset_t set = set_of({SIGTERM, SIGINT});
        if (hangup) sigaddset(&set, SIGHUP);
        constexpr timespec kLook{0, 100'000'000};
        for (int received = 0; !done.stop_requested();) {
          const int signal = sigtimedwait(&set, nullptr, &kLook);
          if (signal == SIGHUP) hangup();
          if (signal == SIGTERM || signal == SIGINT) stop(++received);
        }
      }) {}

}  // namespace ctclip::app
