#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>

namespace ctclip {

struct ThreadPool::Loop {
  Loop(int64_t count, const std::function<void(int64_t)>& body) : count(count), body(body) {}

  const int64_t count;
  const std::function<void(int64_t)>& body;  // outlives the loop: its owner waits in `run`
  std::atomic<int64_t> next = 0;
  std::mutex mutex;
  std::condition_variable done;
  int helpers = 0;  // workers inside the loop now
  std::exception_ptr error;
};

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0) threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  workers_.reserve(static_cast<std::size_t>(threads) - 1);
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::take_part(Loop& loop) {
  for (int64_t i = loop.next++; i < loop.count; i = loop.next++) {
    try {
      loop.body(i);
    } catch (...) {
      const std::lock_guard lock(loop.mutex);
      if (!loop.error) loop.error = std::current_exception();
      loop.next = loop.count;
    }
  }
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !loops_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Loop> loop = loops_.front();
    if (loop->next >=
        loop->count) {  // handed out to the end: whoever sees it takes it off the list
      loops_.pop_front();
      continue;
    }
    {
      const std::lock_guard helping(loop->mutex);
      ++loop->helpers;
    }
    loops_.pop_front();
    loops_.push_back(loop);  // the next free worker looks at another loop first
    lock.unlock();
    take_part(*loop);
    {
      const std::lock_guard helping(loop->mutex);
      --loop->helpers;
    }
    loop->done.notify_all();
    lock.lock();
  }
}

void ThreadPool::run(int64_t count, const std::function<void(int64_t)>& body) {
  if (count <= 0) return;
  if (workers_.empty() || count == 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  const auto loop = std::make_shared<Loop>(count, body);
  {
    const std::lock_guard lock(mutex_);
    loops_.push_back(loop);
  }
  wake_.notify_all();
  take_part(*loop);
  {
    const std::lock_guard lock(mutex_);
    std::erase(loops_, loop);
  }
  std::unique_lock lock(loop->mutex);
  loop->done.wait(lock, [&] { return loop->helpers == 0; });
  if (loop->error) std::rethrow_exception(loop->error);
}

void ThreadPool::run_blocks(int64_t count, int64_t block,
                            const std::function<void(int64_t, int64_t)>& body) {
  run((count + block - 1) / block,
      [&](int64_t i) { body(i * block, std::min(count, (i + 1) * block)); });
}

}  // namespace ctclip
