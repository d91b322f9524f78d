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
#include <thread>
#include <vector>

#include "pipeline/analyser.h"
#include "server/spool.h"

namespace ctclip {

/// An accepted study: its upload, what is asked, and whom to tell. The upload goes away when the
/// study is answered.
struct Job {
  SpoolFile upload;
  AnalysisRequest request;  ///< `input` is the upload's path
  std::function<void(Analysis)> finished;
  std::stop_source stop;           ///< requested: nobody waits for the answer, or it came too late
  std::atomic<bool> lost = false;  ///< the answer could not be handed over
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
  bool ready() const;

  /// Throws Error{starting, shutting_down, queue_full}.
  Place reserve();
  /// Throws the same, but never queue_full while the place's lease lasts. `finished` is called
  /// once, on a runner's thread, unless the study is cancelled while it waits; its upload is gone
  /// by then.
  std::shared_ptr<Job> submit(Place place, SpoolFile upload, AnalysisRequest request,
                              std::function<void(Analysis)> finished);
  /// A waiting study gives its place back at once; a running one ends at its next check.
  void cancel(const std::shared_ptr<Job>& job);

  /// Refuses what comes from now on.
  void close();
  /// The same, and blocks until every accepted study is answered. What is not by `deadline` is
  /// cut off: answered with shutting_down. Returns how many were. Called by one thread.
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
