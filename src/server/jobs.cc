#include "server/jobs.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <new>
#include <typeinfo>
#include <utility>

#include "base/log.h"
#include "pipeline/answer.h"

namespace ctclip {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

Error shutting_down() {
  return {Code::shutting_down, "The service is shutting down; try again in a while."};
}

Analysis failure(const Error& error, double seconds) {
  return {failure_answer(error, {}, {}, seconds), error};
}

}  // namespace

void Jobs::Place::progress(uint64_t bytes) {
  unpaid_ += bytes;
  if (unpaid_ < kLeaseBytes || !lease_) return;
  unpaid_ = 0;
  jobs_->renew(*lease_);
}

Jobs::Jobs(int runners, int waiting, std::chrono::milliseconds lease,
           std::chrono::milliseconds study_time)
    : runners_limit_(static_cast<std::size_t>(std::max(runners, 1))),
      waiting_limit_(static_cast<std::size_t>(std::max(waiting, 0))),
      lease_(lease),
      study_time_(study_time) {
  for (std::size_t i = 0; i < runners_limit_; ++i) threads_.emplace_back([this] { work(); });
}

Jobs::~Jobs() {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [](const auto& job) { return !job->kept; });
    for (const auto& job : running_) job->stop.request_stop();
  }
  drain();
}

void Jobs::set_analyser(std::shared_ptr<const Analyser> analyser) {
  const std::lock_guard lock(mutex_);
  analyser_ = std::move(analyser);
  wake_.notify_all();
}

AnalyserFacts Jobs::facts() const {
  const auto present = analyser();
  return present ? present->facts() : AnalyserFacts{};
}

std::shared_ptr<const Analyser> Jobs::analyser() const {
  const std::lock_guard lock(mutex_);
  return analyser_;
}

void Jobs::require_open() const {
  if (closed_) throw shutting_down();
  if (!analyser_) {
    throw Error(Code::starting, "The service is starting: its models are still being loaded.");
  }
}

bool Jobs::has_room() {
  const auto now = Clock::now();
  std::erase_if(leases_, [now](const std::weak_ptr<Place::Lease>& weak) {
    const auto lease = weak.lock();
    return !lease || lease->expires < now;
  });
  const auto computing = static_cast<std::size_t>(
      std::ranges::count_if(running_, [](const auto& job) { return !job->computed; }));
  return waiting_.size() + computing + leases_.size() < runners_limit_ + waiting_limit_;
}

Jobs::Place Jobs::reserve() {
  const std::lock_guard lock(mutex_);
  require_open();
  if (!has_room()) {
    throw Error(Code::queue_full, "Too many studies are waiting; try again later.");
  }
  Place place;
  place.jobs_ = this;
  place.lease_ = std::make_shared<Place::Lease>();
  place.lease_->expires = Clock::now() + lease_;
  leases_.push_back(place.lease_);
  return place;
}

void Jobs::renew(Place::Lease& lease) {
  const std::lock_guard lock(mutex_);
  // One that has lapsed may be somebody else's place by now.
  if (lease.expires >= Clock::now()) lease.expires = Clock::now() + lease_;
}

void Jobs::submit(Place place, std::shared_ptr<Job> job) {
  const std::lock_guard lock(mutex_);
  require_open();
  place.lease_.reset();  // its own lease is room for it, while it lasts
  if (!has_room()) {
    throw Error(Code::queue_full,
                "Too many studies are waiting, and this upload was too slow to keep its place; try "
                "again later.");
  }
  waiting_.push_back(std::move(job));
  wake_.notify_one();
}

void Jobs::restore(std::shared_ptr<Job> job) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(job));
  wake_.notify_one();
}

std::size_t Jobs::position(const Job& job) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].get() == &job) return i + 1;
  }
  return 0;
}

void Jobs::cancel(const std::shared_ptr<Job>& job) {
  job->stop.request_stop();
  const std::lock_guard lock(mutex_);
  std::erase(waiting_, job);
  ended_.notify_all();
}

void Jobs::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_.notify_all();
}

std::size_t Jobs::drain(Clock::time_point deadline) {
  close();
  const auto all_ended = [this] {
    return running_.empty() &&
           std::ranges::all_of(waiting_, [](const auto& job) { return job->kept; });
  };
  std::unique_lock lock(mutex_);
  // Waiting until the end of time overflows in some clocks.
  const bool in_time = deadline == kNever ? (ended_.wait(lock, all_ended), true)
                                          : ended_.wait_until(lock, deadline, all_ended);
  lock.unlock();
  const std::size_t lost = in_time ? 0 : cut_off();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  const std::lock_guard rest(mutex_);
  for (const auto& job : waiting_) job->upload.keep();
  waiting_.clear();
  return lost;
}

std::size_t Jobs::cut_off() {
  std::vector<std::shared_ptr<Job>> lost;
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    cut_off_ = true;
    std::ranges::copy_if(waiting_, std::back_inserter(lost),
                         [](const auto& job) { return !job->kept; });
    std::erase_if(waiting_, [](const auto& job) { return !job->kept; });
    for (const auto& job : running_) job->stop.request_stop();
    count = lost.size() + running_.size();
  }
  for (const auto& job : lost) answer(*job, failure(shutting_down(), 0));
  return count;
}

Jobs::Counts Jobs::counts() const {
  const std::lock_guard lock(mutex_);
  const auto alive = [](const std::weak_ptr<Place::Lease>& lease) { return !lease.expired(); };
  return {waiting_.size(), running_.size(),
          static_cast<std::size_t>(std::ranges::count_if(leases_, alive))};
}

std::optional<Code> Jobs::refusal() const {
  const std::lock_guard lock(mutex_);
  if (closed_) return Code::shutting_down;
  return analyser_ ? std::nullopt : std::optional(Code::starting);
}

std::chrono::seconds Jobs::retry_after() const {
  const std::lock_guard lock(mutex_);
  const double seconds = std::ceil(mean_seconds_ / static_cast<double>(runners_limit_));
  return std::chrono::seconds(static_cast<int>(std::clamp(seconds, 1.0, 600.0)));
}

void Jobs::work() {
  while (const auto job = next()) {
    const auto began = Clock::now();
    run(*job);
    const std::lock_guard lock(mutex_);
    std::erase(running_, job);
    ended_.notify_all();
    constexpr double kNewest = 0.3;  // weight of the newest study in the mean
    if (!job->stop.stop_requested()) {
      mean_seconds_ += kNewest * (seconds_since(began) - mean_seconds_);
    }
  }
}

std::shared_ptr<Job> Jobs::next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return closed_ || (analyser_ && !waiting_.empty()); });
  if (!analyser_) return nullptr;
  const auto first = std::find_if(waiting_.begin(), waiting_.end(),
                                  [this](const auto& job) { return !closed_ || !job->kept; });
  if (first == waiting_.end()) return nullptr;
  auto job = *first;
  waiting_.erase(first);
  running_.push_back(job);
  return job;
}

// One of the three places where errors are caught: whatever a study throws is that study's answer.
Analysis Jobs::analyse(Job& job) const {
  const auto began = Clock::now();
  try {
    Watch watch(job.stop.get_token(), [&job](std::string_view stage, int64_t done, int64_t total) {
      job.progress.set(stage, done, total);
    });
    watch.end_after(study_time_);
    Analysis analysis = analyser()->analyse(job.request, watch);
    job.seconds = watch.seconds();
    return analysis;
  } catch (const Error& error) {
    return failure(error, seconds_since(began));
  } catch (const std::bad_alloc&) {
    log().error("a study needed more memory than there is");
    return failure(Error(Code::internal, "The service ran out of memory on this study."),
                   seconds_since(began));
  } catch (const std::exception& error) {
    // Not what it says: that may quote the study.
    log().error("a study met an unexpected error of type {}", typeid(error).name());
    return failure(Error(Code::internal, "An error of the service, not of the study."),
                   seconds_since(began));
  }
}

void Jobs::run(Job& job) {
  if (job.begin && !job.begin()) return job.upload.remove();
  Analysis analysis = analyse(job);
  job.turn = {};  // whoever is told of the answer may send the next study at once
  {
    const std::lock_guard lock(mutex_);
    job.computed = true;
    const bool cancelled = analysis.error && analysis.error->code() == Code::cancelled;
    if (cut_off_ && cancelled && !job.kept) analysis = failure(shutting_down(), 0);
  }
  answer(job, std::move(analysis));
}

void Jobs::answer(Job& job, Analysis analysis) {
  try {
    if (job.record) job.record(analysis);
    job.upload.remove();
    if (const auto finished = std::exchange(job.finished, nullptr)) finished(std::move(analysis));
  } catch (const std::exception&) {
    log().error("a study's answer could not be handed over");
    job.stop.request_stop();
    if (job.kept) job.upload.keep();
  }
}

}  // namespace ctclip
