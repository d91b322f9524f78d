#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctclip {

/// How progress goes up and cancellation comes down: every stage reports to it and asks it.
/// One for each study. `check` and `advance` may be called from any thread; stages are opened by
/// one thread.
class Watch {
 public:
  /// stage, done of total; called from whatever thread advances, one call at a time.
  using Listener = std::function<void(std::string_view stage, int64_t done, int64_t total)>;

  Watch() = default;
  explicit Watch(std::stop_token stop, Listener listener = {})
      : stop_(std::move(stop)), listener_(std::move(listener)) {}

  /// From now on, `check` throws Error{study_timeout} once this time has passed. Before any stage.
  void end_after(std::chrono::milliseconds time);

  /// Throws Error{cancelled} once a stop was requested. Cheap: call it for every slice and every
  /// layer.
  void check() const;

  /// Tells the listener how far the present stage is. Implies `check`.
  void advance(int64_t done, int64_t total);
  /// The same, counting by itself: one more of `total`.
  void step(int64_t total);

  /// Seconds spent in each stage so far, in the order in which the stages began.
  std::vector<std::pair<std::string, double>> seconds() const;

  /// Open while a stage runs; its seconds are recorded when it closes. Stages do not nest.
  class Stage {
   public:
    Stage(Watch& watch, std::string name);
    ~Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

   private:
    Watch& watch_;
    std::chrono::steady_clock::time_point began_;
  };
  [[nodiscard]] Stage stage(std::string name) { return Stage(*this, std::move(name)); }

 private:
  std::stop_token stop_;
  Listener listener_;
  std::chrono::milliseconds time_{0};
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::time_point::max();
  mutable std::mutex mutex_;
  std::string name_;
  int64_t done_ = 0;
  std::vector<std::pair<std::string, double>> seconds_;
};

}  // namespace ctclip
