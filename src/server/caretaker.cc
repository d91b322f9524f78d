#include "server/caretaker.h"

#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "server/studies.h"

namespace ctclip {
namespace {

constexpr std::chrono::seconds kRetry{2};
constexpr std::chrono::minutes kPrune{10};

/// Whether the wall clock has gone like one since it was made: one that has jumped must not make
/// everything too old.
class WallClock {
 public:
  bool trusted() const {
    const auto wall = std::chrono::system_clock::now() - wall_;
    const auto gone = std::chrono::steady_clock::now() - steady_;
    return std::chrono::abs(wall - gone) < std::chrono::hours(24);
  }

 private:
  const std::chrono::system_clock::time_point wall_ = std::chrono::system_clock::now();
  const std::chrono::steady_clock::time_point steady_ = std::chrono::steady_clock::now();
};

void prune(Studies& studies) {
  try {
    studies.prune();
  } catch (const Error& error) {
    log().warn("history: what has had its time is not forgotten yet: {}", error.what());
  }
}

}  // namespace

Caretaker::Caretaker(Studies& studies)
    : studies_(studies), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Caretaker::run(const std::stop_token& stop) {
  const WallClock clock;
  auto due = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    studies_.retry_unrecorded();
    if (std::chrono::steady_clock::now() >= due) {
      if (clock.trusted()) {
        prune(studies_);
      } else {
        log().warn(
            "history: the system's clock has jumped by more than a day; nothing is forgotten");
      }
      due = std::chrono::steady_clock::now() + kPrune;
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kRetry, [] { return false; });
  }
}

}  // namespace ctclip
