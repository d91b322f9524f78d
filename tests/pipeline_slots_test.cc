#include "pipeline/slots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"

namespace ctclip {
namespace {

using namespace std::chrono_literals;

/// A study that has its turn until it is let go.
class Study {
 public:
  explicit Study(Slots& slots) : thread_([this, &slots] { run(slots); }) {}
  bool computes() const { return computes_; }
  bool cancelled() const { return cancelled_; }
  void let_go() { done_.set_value(); }
  void cancel() { stop_.request_stop(); }

 private:
  void run(Slots& slots) try {
    const Watch watch(stop_.get_token());
    const Slots::Turn turn(slots, watch);
    computes_ = true;
    done_.get_future().wait();
  } catch (const Error& error) {
    cancelled_ = error.code() == Code::cancelled;
  }

  std::atomic<bool> computes_ = false, cancelled_ = false;
  std::promise<void> done_;
  std::stop_source stop_;
  std::jthread thread_;  // the last: it uses the others
};

bool soon(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  return holds();
}

/// One that computes, or is in line, before the next comes.
std::unique_ptr<Study> join(Slots& slots) {
  const std::size_t before = slots.waiting();
  auto study = std::make_unique<Study>(slots);
  EXPECT_TRUE(soon([&] { return study->computes() || slots.waiting() > before; }));
  return study;
}

TEST(Slots, LetSoManyComputeFirstComeFirstServed) {
  Slots slots;
  slots.limit(2);
  std::vector<std::unique_ptr<Study>> studies;
  for (int i = 0; i < 4; ++i) studies.push_back(join(slots));
  EXPECT_TRUE(soon([&] { return studies[0]->computes() && studies[1]->computes(); }));
  EXPECT_EQ(slots.waiting(), 2U);
  EXPECT_FALSE(studies[2]->computes() || studies[3]->computes());
  studies[1]->let_go();
  EXPECT_TRUE(soon([&] { return studies[2]->computes(); }));
  EXPECT_FALSE(studies[3]->computes());
  studies[0]->let_go();
  EXPECT_TRUE(soon([&] { return studies[3]->computes(); }));
  studies[2]->let_go();
  studies[3]->let_go();
}

TEST(Slots, ACancelledStudyLeavesTheLine) {
  Slots slots;
  slots.limit(1);
  const auto first = join(slots);
  const auto second = join(slots);
  const auto third = join(slots);
  second->cancel();
  EXPECT_TRUE(soon([&] { return second->cancelled(); }));
  EXPECT_FALSE(third->computes());
  first->let_go();
  EXPECT_TRUE(soon([&] { return third->computes(); }));
  third->let_go();
}

TEST(Slots, WithoutALimitNobodyWaits) {
  Slots slots;
  const auto first = join(slots);
  const auto second = join(slots);
  EXPECT_TRUE(soon([&] { return first->computes() && second->computes(); }));
  first->let_go();
  second->let_go();
}

TEST(Slots, TellHowLongItTook) {
  Slots slots;
  slots.limit(1);
  const auto first = join(slots);
  ASSERT_TRUE(soon([&] { return first->computes(); }));
  const std::jthread later([&] {
    EXPECT_TRUE(soon([&] { return slots.waiting() == 1; }));
    std::this_thread::sleep_for(100ms);
    first->let_go();
  });
  const Watch watch;
  const Slots::Turn turn(slots, watch);
  EXPECT_GT(turn.waited(), 0.05);
}

}  // namespace
}  // namespace ctclip
