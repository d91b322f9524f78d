#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace ctclip {

/// Worker threads shared by everything that computes. Any number of threads may call `run` at once,
/// also from inside a running body: a caller works on its own loop, so no loop can starve and
/// nesting cannot deadlock.
class ThreadPool {
 public:
  /// `threads` in all, the caller of `run` counted: a pool of 1 has no worker. 0 means one for each
  /// core.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(i) for every i in [0, count), in any order and on any thread, and returns when all
  /// have ended. The first exception stops the handing out of further indices and is rethrown here.
  void run(int64_t count, const std::function<void(int64_t)>& body);

  /// Calls body(begin, end) on consecutive blocks of [0, count), `block` long but for the last.
  void run_blocks(int64_t count, int64_t block, const std::function<void(int64_t, int64_t)>& body);

 private:
  struct Loop;
  void work();
  static void take_part(Loop& loop);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Loop>> loops_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace ctclip
