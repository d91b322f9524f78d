#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace ctclip {

/// How far a study is in its present stage. Thread-safe.
class Progress {
 public:
  struct Point {
    std::string stage;  ///< empty before the first
    int64_t done = 0, total = 0;
  };

  void set(std::string_view stage, int64_t done, int64_t total) {
    const std::lock_guard lock(mutex_);
    point_ = {std::string(stage), done, total};
  }
  Point get() const {
    const std::lock_guard lock(mutex_);
    return point_;
  }

 private:
  mutable std::mutex mutex_;
  Point point_;
};

}  // namespace ctclip
