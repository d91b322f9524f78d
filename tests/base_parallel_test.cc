#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

namespace ctclip {
namespace {

TEST(ThreadPool, CallsEveryIndexOnce) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> calls(10'000);
  pool.run(10'000, [&](int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
  for (const auto& count : calls) ASSERT_EQ(count, 1);
}

TEST(ThreadPool, BlocksCoverTheRangeExactly) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum = 0;
  pool.run_blocks(1001, 100, [&](int64_t begin, int64_t end) {
    ASSERT_LE(end - begin, 100);
    for (int64_t i = begin; i < end; ++i) sum += i;
  });
  EXPECT_EQ(sum, 1001 * 1000 / 2);
}

TEST(ThreadPool, RethrowsTheFirstErrorAndStaysUsable) {
  ThreadPool pool(4);
  EXPECT_THROW(pool.run(100,
                        [](int64_t i) {
                          if (i == 7) throw std::runtime_error("seven");
                        }),
               std::runtime_error);
  std::atomic<int> calls = 0;
  pool.run(100, [&](int64_t) { ++calls; });
  EXPECT_EQ(calls, 100);
}

TEST(ThreadPool, NestsAndServesSeveralCallersAtOnce) {
  ThreadPool pool(4);
  std::atomic<int> calls = 0;
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back(
        [&] { pool.run(20, [&](int64_t) { pool.run(20, [&](int64_t) { ++calls; }); }); });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(calls, 4 * 20 * 20);
}

TEST(ThreadPool, OfOneThreadRunsOnTheCaller) {
  ThreadPool pool(1);
  pool.run(3, [caller = std::this_thread::get_id()](int64_t) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

}  // namespace
}  // namespace ctclip
