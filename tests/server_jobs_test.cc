#include "server/jobs.h"

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <future>
#include <optional>
#include <thread>

#include "refusal.h"
#include "testing.h"

namespace ctclip {
namespace {

using std::chrono_literals::operator""ms;
using testing::refusal;

/// Holds every study until told to go on, or until it is cancelled.
class GatedAnalyser : public Analyser {
 public:
  Analysis analyse(const AnalysisRequest&, Watch& watch) const override {
    ++started;
    while (!open) {
      watch.check();
      std::this_thread::sleep_for(1ms);
    }
    return {{{"processing_status", "Success"}}, std::nullopt};
  }
  mutable std::atomic<int> started = 0;
  std::atomic<bool> open = false;
};

class JobsTest : public ::testing::Test {
 protected:
  std::shared_ptr<Job> submit(Jobs& jobs, Jobs::Place place) {
    auto job = std::make_shared<Job>();
    job->upload = spool_.create();
    job->upload.write("x");
    job->finished = [this](const Analysis& analysis) {
      (analysis.error ? failed_ : answered_) += 1;
      if (analysis.error) code_ = analysis.error->code();
    };
    jobs.submit(std::move(place), job);
    return job;
  }
  bool spool_is_empty() const { return std::filesystem::is_empty(folder_.path()); }

  testing::TempDir folder_;
  Spool spool_{folder_.path(), 0};
  std::shared_ptr<GatedAnalyser> analyser_ = std::make_shared<GatedAnalyser>();
  std::atomic<int> answered_ = 0, failed_ = 0;
  std::atomic<Code> code_ = Code::internal;  ///< of the last that failed
};

TEST_F(JobsTest, TakesNothingBeforeTheModelsAreThereAndAfterTheEnd) {
  Jobs jobs(1, 1);
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), Code::starting);
  EXPECT_EQ(jobs.refusal(), Code::starting);
  jobs.set_analyser(analyser_);
  EXPECT_EQ(jobs.refusal(), std::nullopt);
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), std::nullopt);
  jobs.close();
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), Code::shutting_down);
  EXPECT_EQ(jobs.refusal(), Code::shutting_down);
}

TEST_F(JobsTest, APlaceCountsFromItsReservationAndIsGivenBack) {
  Jobs jobs(1, 1);
  jobs.set_analyser(analyser_);
  std::optional<Jobs::Place> first = jobs.reserve();
  const Jobs::Place second = jobs.reserve();
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), Code::queue_full);
  first.reset();
  EXPECT_EQ(refusal([&] { first = jobs.reserve(); }), std::nullopt);
}

TEST_F(JobsTest, ASlowUploadLosesItsPlaceAndIsTakenOnlyWhereThereIsRoom) {
  Jobs jobs(1, 1, 20ms);
  jobs.set_analyser(analyser_);
  Jobs::Place slow = jobs.reserve();
  Jobs::Place slower = jobs.reserve();
  std::this_thread::sleep_for(40ms);
  slow.progress(Jobs::kLeaseBytes);  // too late: the place is anybody's
  submit(jobs, jobs.reserve());
  submit(jobs, jobs.reserve());
  EXPECT_EQ(refusal([&] { submit(jobs, std::move(slow)); }), Code::queue_full);
  analyser_->open = true;
  while (answered_ < 2) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(refusal([&] { submit(jobs, std::move(slower)); }), std::nullopt);
  jobs.drain();
  EXPECT_EQ(answered_, 3);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(JobsTest, WhoHasAnAnswerFindsItsPlaceFree) {
  Jobs jobs(1, 0);
  jobs.set_analyser(analyser_);
  analyser_->open = true;
  std::promise<std::optional<Code>> refused;
  const auto job = std::make_shared<Job>();
  job->record = [&](const Analysis&) { refused.set_value(refusal([&] { jobs.reserve(); })); };
  jobs.submit(jobs.reserve(), job);
  EXPECT_EQ(refused.get_future().get(), std::nullopt);
}

TEST_F(JobsTest, AnUploadThatKeepsComingKeepsItsPlace) {
  Jobs jobs(1, 0, 200ms);
  jobs.set_analyser(analyser_);
  Jobs::Place place = jobs.reserve();
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(20ms);
    place.progress(Jobs::kLeaseBytes);
  }
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), Code::queue_full);
}

TEST_F(JobsTest, DrainAnswersWhatWasAccepted) {
  Jobs jobs(2, 3);
  jobs.set_analyser(analyser_);
  for (int i = 0; i < 5; ++i) submit(jobs, jobs.reserve());
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), Code::queue_full);
  const auto drained = std::async(std::launch::async, [&] { jobs.drain(); });
  EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
  analyser_->open = true;
  drained.wait();
  EXPECT_EQ(answered_, 5);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(JobsTest, DrainCutsOffWhatIsNotAnsweredByItsDeadline) {
  Jobs jobs(1, 3);
  jobs.set_analyser(analyser_);
  for (int i = 0; i < 4; ++i) submit(jobs, jobs.reserve());
  while (analyser_->started == 0) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(jobs.counts().waiting, 3U);
  EXPECT_EQ(jobs.counts().running, 1U);
  EXPECT_EQ(jobs.drain(std::chrono::steady_clock::now() + 30ms), 4U);
  EXPECT_EQ(analyser_->started, 1);
  EXPECT_EQ(failed_, 4);
  EXPECT_EQ(code_, Code::shutting_down);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(JobsTest, DrainCutsNothingOffThatIsInTime) {
  Jobs jobs(1, 3);
  jobs.set_analyser(analyser_);
  for (int i = 0; i < 3; ++i) submit(jobs, jobs.reserve());
  EXPECT_EQ(jobs.counts().reserved, 0U);
  analyser_->open = true;
  EXPECT_EQ(jobs.drain(std::chrono::steady_clock::now() + std::chrono::minutes(5)), 0U);
  EXPECT_EQ(answered_, 3);
  EXPECT_EQ(jobs.refusal(), Code::shutting_down);
}

TEST_F(JobsTest, CancelEndsARunningStudyAndGivesBackTheWaitingOnesPlace) {
  Jobs jobs(1, 1);
  jobs.set_analyser(analyser_);
  const auto running = submit(jobs, jobs.reserve());
  while (analyser_->started == 0) std::this_thread::sleep_for(1ms);
  auto waiting = submit(jobs, jobs.reserve());
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), Code::queue_full);
  jobs.cancel(waiting);
  EXPECT_EQ(refusal([&] { jobs.reserve(); }), std::nullopt);
  waiting.reset();
  jobs.cancel(running);
  jobs.drain();
  EXPECT_EQ(analyser_->started, 1);
  EXPECT_EQ(failed_, 1);
  EXPECT_EQ(answered_, 0);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(JobsTest, ItsEndCancelsWhatRuns) {
  {
    Jobs jobs(1, 1);
    jobs.set_analyser(analyser_);
    submit(jobs, jobs.reserve());
    submit(jobs, jobs.reserve());
  }
  EXPECT_LE(failed_, 1);
  EXPECT_EQ(answered_, 0);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(JobsTest, RetryAfterFollowsThePaceOfRecentStudies) {
  Jobs jobs(1, 0);
  jobs.set_analyser(analyser_);
  EXPECT_EQ(jobs.retry_after().count(), 30);
  analyser_->open = true;
  for (int i = 0; i < 12; ++i) {
    submit(jobs, jobs.reserve());
    while (answered_ <= i) std::this_thread::sleep_for(1ms);
    while (refusal([&] { jobs.reserve(); })) std::this_thread::sleep_for(1ms);
  }
  EXPECT_LT(jobs.retry_after().count(), 3);
  EXPECT_GE(jobs.retry_after().count(), 1);
}

}  // namespace
}  // namespace ctclip
