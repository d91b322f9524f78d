#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "base/watch.h"

namespace ctclip {

/// How many studies are in the detectors at once: the others are read and prepared meanwhile, and
/// wait for their turn, first come, first served. Thread-safe.
class Slots {
 public:
  /// A study's place in the detectors; given back when it goes away.
  class Turn {
   public:
    /// Waits. Throws Error{cancelled} when the study is cancelled meanwhile.
    Turn(Slots& slots, const Watch& watch) : slots_(&slots), waited_(slots.wait(watch)) {}
    ~Turn() { slots_->give_back(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    /// Seconds.
    double waited() const { return waited_; }

   private:
    Slots* slots_;
    double waited_;
  };

  /// `count` 0: any number. Set before the first study.
  void limit(int count) { limit_ = count; }
  /// Studies that wait now.
  std::size_t waiting() const;

 private:
  double wait(const Watch& watch);
  void give_back();
  bool first(int64_t ticket) const;

  int limit_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int taken_ = 0;
  int64_t next_ticket_ = 0;
  std::deque<int64_t> waiting_;
};

}  // namespace ctclip
