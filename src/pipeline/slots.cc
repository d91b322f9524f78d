#include "pipeline/slots.h"

#include <algorithm>
#include <chrono>

namespace ctclip {
namespace {

/// A cancelled study leaves the queue that soon; a free slot is noticed at once.
constexpr std::chrono::milliseconds kPatience{50};

}  // namespace

std::size_t Slots::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

bool Slots::first(int64_t ticket) const {
  return waiting_.front() == ticket && (limit_ <= 0 || taken_ < limit_);
}

double Slots::wait(const Watch& watch) {
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  const int64_t ticket = next_ticket_++;
  waiting_.push_back(ticket);
  try {
    while (!changed_.wait_for(lock, kPatience, [&] { return first(ticket); })) watch.check();
    watch.check();
  } catch (...) {
    std::erase(waiting_, ticket);
    changed_.notify_all();
    throw;
  }
  waiting_.pop_front();
  ++taken_;
  changed_.notify_all();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void Slots::give_back() {
  const std::lock_guard lock(mutex_);
  --taken_;
  changed_.notify_all();
}

}  // namespace ctclip
