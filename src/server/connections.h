#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace ctclip {

/// What a connection does at the moment.
enum class Phase {
  idle,       ///< waits for a request, or for the rest of its header
  receiving,  ///< takes an upload
  working,    ///< waits for a study, or writes
  lingering,  ///< has answered and reads on, so that the answer arrives before the end does
};

/// A connection as the listener sees it. Every function may be called from any thread.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Closes it unless it has begun to work.
  virtual void drop() = 0;
  /// Wakes an upload, so that it sees that the service is stopping.
  virtual void interrupt() = 0;

  Phase phase() const { return phase_; }
  std::chrono::steady_clock::time_point since() const { return since_; }

 protected:
  void enter(Phase phase) {
    since_ = std::chrono::steady_clock::now();
    phase_ = phase;
  }

 private:
  std::atomic<Phase> phase_ = Phase::idle;
  std::atomic<std::chrono::steady_clock::time_point> since_ = std::chrono::steady_clock::now();
};

/// Every open connection. Thread-safe.
class Connections {
 public:
  /// Keeps a connection listed for as long as its coroutine lives, however that ends.
  class Entry {
   public:
    Entry(Connections& all, std::shared_ptr<Connection> connection)
        : all_(all), connection_(connection.get()) {
      all_.add(std::move(connection));
    }
    ~Entry() { all_.remove(connection_); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    Connections& all_;
    const Connection* connection_;
  };

  std::size_t size() const;
  /// Drops the one that has been idle longest; false where all are at work.
  bool drop_idlest();
  void interrupt_all();
  bool all_idle() const;

 private:
  void add(std::shared_ptr<Connection> connection);
  void remove(const Connection* connection);

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> open_;
};

}  // namespace ctclip
