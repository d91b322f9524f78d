#include "base/watch.h"

#include <fmt/format.h>

#include "base/error.h"

namespace ctclip {

void Watch::end_after(std::chrono::milliseconds time) {
  time_ = time;
  end_ = std::chrono::steady_clock::now() + time;
}

void Watch::check() const {
  if (stop_.stop_requested()) throw Error(Code::cancelled, "The study was cancelled.");
  if (std::chrono::steady_clock::now() < end_) return;
  throw Error(Code::study_timeout, fmt::format("The study took longer than {:g} s.",
                                               std::chrono::duration<double>(time_).count()));
}

void Watch::advance(int64_t done, int64_t total) {
  check();
  const std::lock_guard lock(mutex_);
  done_ = done;
  if (listener_) listener_(name_, done, total);
}

void Watch::step(int64_t total) {
  check();
  const std::lock_guard lock(mutex_);
  ++done_;
  if (listener_) listener_(name_, done_, total);
}

std::vector<std::pair<std::string, double>> Watch::seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_;
}

Watch::Stage::Stage(Watch& watch, std::string name)
    : watch_(watch), began_(std::chrono::steady_clock::now()) {
  watch_.check();
  const std::lock_guard lock(watch_.mutex_);
  watch_.name_ = std::move(name);
  watch_.done_ = 0;
  if (watch_.listener_) watch_.listener_(watch_.name_, 0, 0);
}

Watch::Stage::~Stage() {
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
  const std::lock_guard lock(watch_.mutex_);
  watch_.seconds_.emplace_back(watch_.name_, spent.count());
}

}  // namespace ctclip
