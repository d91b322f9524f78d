#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/analyser.h"
#include "server/peer.h"
#include "server/progress.h"
#include "server/spool.h"

namespace ctclip {

/// An accepted study: its upload, what is asked, and whom to tell. The upload goes away when the
/// study is answered.
struct Job {
  SpoolFile upload;
  AnalysisRequest request;  ///< `input` is the upload's path
  /// Asked before the detectors are; false: it is not to be done any more. Empty for none.
  std::function<bool()> begin;
  /// Called once, on a runner's thread, while the upload is still there. Empty for none.
  std::function<void(const Analysis&)> record;
  /// Called once, on a runner's thread, when the upload is gone.
  std::function<void(Analysis)> finished;
  std::stop_source stop;  ///< requested: nobody waits for the answer, or it came too late
  bool kept = false;      ///< a later process will take it up where this one does not come to it
  bool computed = false;  ///< and holds no place any more; the queue's own
  Quota::Slot turn;       ///< its client's, until it is computed
  Progress progress;
  std::vector<std::pair<std::string, double>> seconds;  ///< by stage, once it was analysed
};

/// The bounded queue before the detectors and the threads that empty it, first come, first served.
/// Thread-safe.
///
/// A study counts from its upload's first byte: `reserve` gives it a place or refuses it before
/// anything is sent. A place is a lease, which the upload renews by coming: 4 MiB in each 15 s. A
/// slower one goes on without, and is taken at its end if there is room then; so slow clients
/// cannot hold the queue, and a quick one is never refused after its upload.
class Jobs {
 public:
  static constexpr std::chrono::milliseconds kLease{15'000};
  static constexpr uint64_t kLeaseBytes = uint64_t{4} << 20;

  /// A reserved place; given back when it goes away.
  class Place {
   public:
    Place() = default;
    Place(Place&&) = default;
    Place& operator=(Place&&) = default;
    /// Bytes of the upload that have come.
    void progress(uint64_t bytes);

   private:
    friend class Jobs;
    struct Lease {
      std::chrono::steady_clock::time_point expires;
    };
    Jobs* jobs_ = nullptr;
    std::shared_ptr<Lease> lease_;
    uint64_t unpaid_ = 0;
  };

  /// `runners` studies in the analyser at once, for `study_time` each, `waiting` more before 429.
  Jobs(int runners, int waiting, std::chrono::milliseconds lease = kLease,
       std::chrono::milliseconds study_time = std::chrono::hours(1));
  /// Cancels what runs and waits.
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  void set_analyser(std::shared_ptr<const Analyser> analyser);
  /// Of the analyser; none before there is one.
  AnalyserFacts facts() const;

  /// Throws Error{starting, shutting_down, queue_full}.
  Place reserve();
  /// Throws the same, but never queue_full while the place's lease lasts. Nobody is told of a study
  /// that is cancelled while it waits.
  void submit(Place place, std::shared_ptr<Job> job);
  /// What an earlier process accepted: takes it whatever the queue's length, before the analyser is
  /// there, too.
  void restore(std::shared_ptr<Job> job);
  /// A waiting study gives its place back at once; a running one ends at its next check.
  void cancel(const std::shared_ptr<Job>& job);
  /// Of a study that waits, 1 for the next one; 0 for any other.
  std::size_t position(const Job& job) const;

  /// Refuses what comes from now on.
  void close();
  /// The same, and blocks until every accepted study is answered, but for waiting ones that are
  /// kept: their uploads stay. What is not answered by `deadline` is cut off: it is kept, too, or
  /// answered with shutting_down. Returns how many were cut off. Called by one thread.
  std::size_t drain(std::chrono::steady_clock::time_point deadline = kNever);
  static constexpr auto kNever = std::chrono::steady_clock::time_point::max();

  struct Counts {
    std::size_t waiting = 0, running = 0, reserved = 0;
  };
  Counts counts() const;
  /// Why `reserve` would refuse whatever the queue: starting, shutting_down.
  std::optional<Code> refusal() const;

  /// When a place may be free, by the pace of recent studies: 1 to 600 s.
  std::chrono::seconds retry_after() const;

 private:
  void work();
  std::shared_ptr<Job> next();
  std::shared_ptr<const Analyser> analyser() const;
  Analysis analyse(Job& job) const;
  void run(Job& job);
  static void answer(Job& job, Analysis analysis);
  void renew(Place::Lease& lease);
  void require_open() const;
  std::size_t cut_off();
  bool has_room();

  const std::size_t runners_limit_, waiting_limit_;
  const std::chrono::milliseconds lease_, study_time_;
  mutable std::mutex mutex_;
  std::condition_variable wake_, ended_;
  std::shared_ptr<const Analyser> analyser_;
  bool closed_ = false;
  bool cut_off_ = false;  ///< what still runs is answered with shutting_down
  std::deque<std::shared_ptr<Job>> waiting_;
  std::vector<std::shared_ptr<Job>> running_;
  std::vector<std::weak_ptr<Place::Lease>> leases_;
  double mean_seconds_ = 30;  ///< of recent studies; before the first, a guess
  std::vector<std::thread> threads_;
};

}  // namespace ctclip
