#include "server/jobs.h"

#include <algorithm>
#include <cmath>
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
    waiting_.clear();
    for (const auto& job : running_) job->stop.request_stop();
  }
  drain();
}

void Jobs::set_analyser(std::shared_ptr<const Analyser> analyser) {
  const std::lock_guard lock(mutex_);
  analyser_ = std::move(analyser);
}

std::shared_ptr<const Analyser> Jobs::analyser() const {
  const std::lock_guard lock(mutex_);
  return analyser_;
}

bool Jobs::ready() const {
  const std::lock_guard lock(mutex_);
  return analyser_ != nullptr && !closed_;
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
  return waiting_.size() + running_.size() + leases_.size() < runners_limit_ + waiting_limit_;
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

std::shared_ptr<Job> Jobs::submit(Place place, SpoolFile upload, AnalysisRequest request,
                                  std::function<void(Analysis)> finished) {
  auto job = std::make_shared<Job>();
  job->request = std::move(request);
  job->request.input = upload.path();
  job->upload = std::move(upload);
  job->finished = std::move(finished);
  const std::lock_guard lock(mutex_);
  require_open();
  place.lease_.reset();  // its own lease is room for it, while it lasts
  if (!has_room()) {
    throw Error(Code::queue_full,
                "Too many studies are waiting, and this upload was too slow to keep its place; try "
                "again later.");
  }
  waiting_.push_back(job);
  wake_.notify_one();
  return job;
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
  const auto all_ended = [this] { return waiting_.empty() && running_.empty(); };
  std::unique_lock lock(mutex_);
  // Waiting until the end of time overflows in some clocks.
  const bool in_time = deadline == kNever ? (ended_.wait(lock, all_ended), true)
                                          : ended_.wait_until(lock, deadline, all_ended);
  lock.unlock();
  const std::size_t lost = in_time ? 0 : cut_off();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  return lost;
}

std::size_t Jobs::cut_off() {
  std::deque<std::shared_ptr<Job>> waiting;
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    cut_off_ = true;
    waiting.swap(waiting_);
    for (const auto& job : running_) job->stop.request_stop();
    count = waiting.size() + running_.size();
  }
  for (const auto& job : waiting) answer(*job, failure(shutting_down(), 0));
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
  wake_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
  if (waiting_.empty()) return nullptr;
  auto job = std::move(waiting_.front());
  waiting_.pop_front();
  running_.push_back(job);
  return job;
}

// One of the three places where errors are caught: whatever a study throws is that study's answer.
Analysis Jobs::analyse(Job& job) const {
  const auto began = Clock::now();
  try {
    Watch watch(job.stop.get_token());
    watch.end_after(study_time_);
    return analyser()->analyse(job.request, watch);
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
  Analysis analysis = analyse(job);
  if (analysis.error && analysis.error->code() == Code::cancelled) {
    const std::lock_guard lock(mutex_);
    if (cut_off_) analysis = failure(shutting_down(), 0);
  }
  answer(job, std::move(analysis));
}

void Jobs::answer(Job& job, Analysis analysis) {
  job.upload.remove();
  const auto finished = std::exchange(job.finished, nullptr);
  try {
    finished(std::move(analysis));
  } catch (const std::exception&) {
    log().error("a study's answer could not be handed over");
    job.lost = true;
  }
}

}  // namespace ctclip
