#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "history/store.h"
#include "server/jobs.h"
#include "server/server.h"
#include "server/spool.h"
#include "server/upload_form.h"

namespace ctclip {

/// A whole upload, and who sent it.
struct Submission {
  Upload upload;
  AnalysisRequest request;
  history::Wish wish;
  std::string owner, client;
  Quota::Slot turn;       ///< its client's, until the study has ended
  bool attached = false;  ///< its client waits: it ends with the last who does
};

/// A study as it is at the moment.
struct StudyNow {
  history::Study study;
  std::size_t position = 0;  ///< in the queue, 1 for the next one; 0 where it does not wait
  Progress::Point progress;  ///< of a running one
};

/// Every accepted study, from its acceptance to its answer: what ties the history, the queue and
/// those who wait together. A study is in the history before it is in the queue, and its answer is
/// in the history before anybody is told and before its upload goes; so a process that ends at any
/// moment has lost and doubled nothing. Thread-safe; calls may wait for the disk.
class Studies {
 public:
  using Told = std::function<void(const history::Study&)>;
  struct Accepted {
    history::Study study;
    bool known = false;   ///< it was there before
    uint64_t waiter = 0;  ///< who waits
  };

  Studies(const ServerOptions& options, history::Store& store, Spool& spool, Jobs& jobs);
  /// The jobs have ended by then.
  ~Studies();
  Studies(const Studies&) = delete;
  Studies& operator=(const Studies&) = delete;

  /// Takes up what an earlier process had accepted, in the order of acceptance. Called once, before
  /// anything else.
  void recover();

  /// The study that this becomes, or is already: its key came before, or the history has its
  /// answer. Its upload is on disk and it is recorded when this returns. `told`, where there is
  /// one, is called once, on any thread, when the study has ended, which may be before this
  /// returns. Throws Error{idempotency_conflict, queue_full, shutting_down, starting, disk_full,
  /// history_unavailable}.
  Accepted accept(Jobs::Place place, Submission submission, Told told = {});
  /// One who waits does not any more; the last one who leaves an attached study cancels it.
  void leave(const Accepted& accepted);

  /// Throws Error{not_found, history_unavailable}, as `cancel` does.
  StudyNow now(const std::string& id, const history::Viewer& viewer) const;
  /// The study, which has ended then: cancelled, or as it had ended before.
  StudyNow cancel(const std::string& id, const history::Viewer& viewer);

  /// Records the answers that could not be recorded when they came.
  void retry_unrecorded();
  /// Forgets what has had its time.
  void prune();

 private:
  /// A study that has not ended.
  struct Live {
    history::Study study;
    std::shared_ptr<Job> job;
    std::map<uint64_t, Told> waiting;
  };
  /// An answer that the history could not take.
  struct Unrecorded {
    std::string id;
    history::Outcome outcome;
    SpoolFile upload;
    bool kept = false;  ///< see Job
  };

  Accepted join(const history::Study& study, Told told);
  uint64_t add(const history::Study& study, const std::shared_ptr<Job>& job, Told told);
  void submit(Jobs::Place place, const std::string& id, const std::shared_ptr<Job>& job);
  std::shared_ptr<Job> make_job(const history::Study& study, SpoolFile upload,
                                AnalysisRequest request);
  void take_up(const history::Study& study);
  void give_up(const history::Study& study, const Error& error);
  bool begin(const std::string& id);
  void record(const std::string& id, Job& job, const Analysis& analysis);
  void end(const std::string& id, const history::Outcome& outcome);
  void abandon(const history::Study& study);
  std::shared_ptr<Job> job_of(const std::string& id) const;
  bool is_live(const std::string& id) const { return job_of(id) != nullptr; }

  const ServerOptions& options_;
  history::Store& store_;
  Spool& spool_;
  Jobs& jobs_;
  std::mutex accepting_;      ///< before `mutex_`
  mutable std::mutex mutex_;  ///< never held while the store is asked
  std::map<std::string, Live> live_;
  std::vector<Unrecorded> unrecorded_;
  uint64_t waiters_ = 0;
};

}  // namespace ctclip
