#include "server/studies.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/log.h"
#include "server/study_record.h"

namespace ctclip {
namespace {

using history::State;
using history::Study;

/// A study that has ended the process this often is not begun again.
constexpr int kMostAttempts = 3;
/// Ended studies that a history in memory holds: megabytes, details included.
constexpr int64_t kMostInMemory = 1'000;
constexpr int64_t kMostOnDisk = int64_t{1} << 40;

Study describe(const Submission& submission, const AnalyserFacts& facts) {
  Study study;
  study.id = submission.upload.file.id();
  study.owner = submission.owner;
  study.client = submission.client;
  study.sha256 = submission.upload.sha256;
  study.bytes = static_cast<int64_t>(submission.upload.file.size());
  study.options = options_of(submission.request);
  study.attached = submission.attached;
  study.received = history::now();
  study.bundle = facts.sha256;
  study.precision = facts.precision;
  study.version = CTCLIP_VERSION;
  return study;
}

bool may_see(const history::Viewer& viewer, const Study& study) {
  return viewer.admin || viewer.owner == study.owner;
}

}  // namespace

Studies::Studies(const ServerOptions& options, history::Store& store, Spool& spool, Jobs& jobs)
    : options_(options), store_(store), spool_(spool), jobs_(jobs) {}

std::shared_ptr<Job> Studies::make_job(const Study& study, SpoolFile upload,
                                       AnalysisRequest request) {
  auto job = std::make_shared<Job>();
  job->request = std::move(request);
  job->request.input = upload.path();
  job->upload = std::move(upload);
  job->kept = store_.persistent() && !study.attached;
  job->begin = [this, id = study.id] { return begin(id); };
  job->record = [this, id = study.id, self = job.get()](const Analysis& analysis) {
    record(id, *self, analysis);
  };
  return job;
}

Studies::~Studies() {
  retry_unrecorded();
  for (Unrecorded& one : unrecorded_) {
    if (one.kept) one.upload.keep();  // it will be answered again, and only then told
  }
}

uint64_t Studies::add(const Study& study, const std::shared_ptr<Job>& job, Told told) {
  const std::lock_guard lock(mutex_);
  Live& live = live_[study.id] = {study, job, {}};
  if (told) live.waiting[++waiters_] = std::move(told);
  return waiters_;
}

void Studies::submit(Jobs::Place place, const std::string& id, const std::shared_ptr<Job>& job) {
  try {
    jobs_.submit(std::move(place), job);
  } catch (const Error&) {
    {
      const std::lock_guard lock(mutex_);
      live_.erase(id);
    }
    store_.discard(id);
    throw;
  }
}

Studies::Accepted Studies::join(const Study& study, Told told) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = live_.find(study.id);
    if (found != live_.end()) {
      if (told) found->second.waiting[++waiters_] = std::move(told);
      return {found->second.study, true, waiters_};
    }
  }
  const auto ended = store_.find(study.id, {{}, true});
  if (!ended || !history::ended(ended->state)) {
    throw Error(Code::history_unavailable,
                "The answer to this study is not in the history yet; try again later.");
  }
  if (told) told(*ended);
  return {*ended, true, 0};
}

Studies::Accepted Studies::accept(Jobs::Place place, Submission submission, Told told) {
  const Study study = describe(submission, jobs_.facts());
  SpoolFile& upload = submission.upload.file;
  if (store_.persistent() && !study.attached) {
    upload.settle();
  } else {
    upload.close();
  }
  // From the history into the queue, or out of it again, in one go: another request of the same key
  // finds the study in both or in neither.
  const std::lock_guard one_at_a_time(accepting_);
  if (const auto same = store_.accept(study, submission.wish)) {
    if (same->sha256 == study.sha256 && same->options == study.options) {
      return join(*same, std::move(told));
    }
    throw Error(Code::idempotency_conflict,
                "This Idempotency-Key came with another study or other parameters before.");
  }
  const auto job = make_job(study, std::move(upload), std::move(submission.request));
  job->turn = std::move(submission.turn);
  const uint64_t waiter = add(study, job, std::move(told));
  submit(std::move(place), study.id, job);
  return {study, false, waiter};
}

void Studies::recover() {
  const auto unfinished = store_.unfinished();
  for (const Study& study : unfinished) take_up(study);
  if (!unfinished.empty()) {
    log().info("history: {} studies that an earlier process had accepted", unfinished.size());
  }
}

void Studies::give_up(const Study& study, const Error& error) {
  store_.finish(study.id, outcome_of(error));
  spool_.remove(study.id);
}

void Studies::take_up(const Study& study) {
  if (study.attached) {
    return give_up(
        study, Error(Code::cancelled, "The service ended, and with it the client's connection."));
  }
  if (study.attempts >= kMostAttempts) {
    return give_up(study, Error(Code::internal,
                                fmt::format("The service ended {} times while it worked on this "
                                            "study; it will not be tried again.",
                                            study.attempts)));
  }
  auto upload = spool_.adopt(study.id, static_cast<uint64_t>(study.bytes));
  if (!upload) {
    return give_up(
        study, Error(Code::internal, "The study's upload is not on disk any more; send it again."));
  }
  if (study.state == State::running) store_.requeue(study.id);
  Study queued = study;
  queued.state = State::queued;
  const auto job = make_job(study, *std::move(upload), request_of(study.options, options_.limits));
  add(queued, job, {});
  jobs_.restore(job);
}

// A study whose beginning cannot be recorded is begun all the same: its answer decides.
bool Studies::begin(const std::string& id) {
  try {
    if (!store_.start(id)) return false;
  } catch (const Error& error) {
    log().warn("history: a study's beginning is not recorded: {}", error.what());
  }
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(id);
  if (found == live_.end()) return false;
  found->second.study.state = State::running;
  found->second.study.started = history::now();
  return true;
}

void Studies::record(const std::string& id, Job& job, const Analysis& analysis) {
  history::Outcome outcome = outcome_of(analysis, job, jobs_.facts());
  if (outcome.state == State::cancelled) {
    // Nobody asked for it: this process ends, and another one takes it up.
    if (job.kept && is_live(id)) job.upload.keep();
    return;
  }
  outcome.keeps_upload = store_.persistent() && options_.retention.uploads.count() > 0;
  try {
    if (store_.finish(id, outcome)) end(id, outcome);
    if (outcome.keeps_upload) job.upload.keep();
  } catch (const Error& error) {
    log().error("history: an answer is not recorded yet: {}", error.what());
    // Who waits on a connection need not wait for a disk.
    if (!job.kept) end(id, outcome);
    const std::lock_guard lock(mutex_);
    unrecorded_.push_back({id, std::move(outcome), std::move(job.upload), job.kept});
  }
}

void Studies::end(const std::string& id, const history::Outcome& outcome) {
  Live live;
  {
    const std::lock_guard lock(mutex_);
    const auto found = live_.find(id);
    if (found == live_.end()) return;
    live = std::move(found->second);
    live_.erase(found);
  }
  apply(outcome, live.study);
  for (const auto& [waiter, told] : live.waiting) told(live.study);
}

void Studies::leave(const Accepted& accepted) {
  const Study& study = accepted.study;
  {
    const std::lock_guard lock(mutex_);
    const auto found = live_.find(study.id);
    if (found == live_.end()) return;
    found->second.waiting.erase(accepted.waiter);
    if (!found->second.study.attached || !found->second.waiting.empty()) return;
  }
  abandon(study);
}

// Whatever the disk says, the detectors are free for those who wait.
void Studies::abandon(const Study& study) {
  const auto job = job_of(study.id);
  try {
    cancel(study.id, {study.owner, true, study.client});
  } catch (const Error&) {
    history::Outcome outcome;
    outcome.state = State::cancelled;
    end(study.id, outcome);
    if (job) jobs_.cancel(job);
    const std::lock_guard lock(mutex_);
    unrecorded_.push_back({study.id, outcome, {}, false});
  }
}

StudyNow Studies::now(const std::string& id, const history::Viewer& viewer) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = live_.find(id);
    if (found != live_.end() && may_see(viewer, found->second.study)) {
      const Live& live = found->second;
      const Progress::Point point = live.job->progress.get();
      StudyNow now{live.study, jobs_.position(*live.job), point};
      now.study.stage = point.stage;
      return now;
    }
  }
  const auto study = store_.find(id, viewer);
  if (!study) throw Error(Code::not_found, "There is no study of this id, or not for you.");
  return {*study, 0, {}};
}

std::shared_ptr<Job> Studies::job_of(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : found->second.job;
}

StudyNow Studies::cancel(const std::string& id, const history::Viewer& viewer) {
  const auto job = job_of(id);
  if (store_.cancel(id, viewer) && job) {
    history::Outcome outcome;
    outcome.state = State::cancelled;
    end(id, outcome);
    jobs_.cancel(job);
  }
  return now(id, viewer);
}

void Studies::retry_unrecorded() {
  std::vector<Unrecorded> pending;
  {
    const std::lock_guard lock(mutex_);
    pending.swap(unrecorded_);
  }
  for (Unrecorded& one : pending) {
    try {
      if (store_.finish(one.id, one.outcome)) end(one.id, one.outcome);
      if (one.outcome.keeps_upload) one.upload.keep();
    } catch (const Error&) {
      const std::lock_guard lock(mutex_);
      unrecorded_.push_back(std::move(one));
    }
  }
}

void Studies::prune() {
  const int64_t most = store_.persistent() ? kMostOnDisk : kMostInMemory;
  for (const std::string& id : store_.prune(options_.retention, most)) {
    spool_.remove(id);
    store_.forget_upload(id);
  }
}

}  // namespace ctclip
