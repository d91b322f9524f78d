#pragma once

#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "history/study.h"

namespace ctclip::history {

/// What became of an accepted study.
struct Outcome {
  State state = State::done;
  std::string stage, study_uid, series_uid, bundle, precision, version, seconds, answer;
  std::string error_code, error;
  bool keeps_upload = false;  ///< its file stays on disk for a while
};

/// Every accepted study and what happened to it, in SQLite (docs/history.md). A study goes one way
/// through its states, each step in one transaction that is on disk when the call returns; the
/// first to end it wins, so that it has one answer whatever else happens. Thread-safe. Calls wait
/// for the disk, and up to 2 s for a lock of another process. All of them throw
/// Error{history_unavailable, disk_full}.
class Store {
 public:
  /// `file` is made where it is missing; empty for a history in memory. Throws as
  /// `open_for_writing` does.
  explicit Store(const std::filesystem::path& file);
  /// For looking at, also while a service writes. Throws Error{usage}.
  static Store read_only(const std::filesystem::path& file);

  bool persistent() const { return persistent_; }
  /// See OpenedDatabase.
  const std::filesystem::path& set_aside() const { return set_aside_; }

  /// Records a queued study, unless there is one already that it would be: the one its owner has
  /// sent the same key with, or, where no fresh answer is wanted, the newest one with an answer to
  /// the same bytes, question and models. That is returned, and the key belongs to it from now on.
  std::optional<Study> accept(const Study& study, const Wish& wish);
  /// Takes back what was accepted and could not be queued.
  void discard(const std::string& id);
  /// False where it has ended meanwhile.
  bool start(const std::string& id);
  /// Where it stood when the process that had it ended: in the queue again.
  void requeue(const std::string& id);
  /// False where it had ended already: then that is how it ended.
  bool finish(const std::string& id, const Outcome& outcome);
  /// Ends it as cancelled; false where it has ended, or the viewer may not see it.
  bool cancel(const std::string& id, const Viewer& viewer);
  /// Its upload is no longer on disk.
  void forget_upload(const std::string& id);

  std::optional<Study> find(const std::string& id, const Viewer& viewer) const;
  /// The next page. Throws Error{bad_parameter} where `after` is no study of the viewer's.
  std::vector<Study> list(const Filter& filter) const;
  /// Queued and running ones, in the order of their acceptance.
  std::vector<Study> unfinished() const;
  /// Ids of the studies whose upload should be on disk.
  std::vector<std::string> uploads() const;

  /// A request came with a key that is not known. `detail`: what it asked for.
  void note_refused_key(const std::string& client, const std::string& detail);
  /// Somebody was shown the answer.
  void note_read(const Study& study, const Viewer& viewer);
  /// Oldest first, after the one of this number.
  std::vector<Event> events(int64_t after, int64_t limit) const;

  /// Forgets what has had its time, more than `most` ended studies, and all but the newest refused
  /// keys of the audit. Returns the ids of the
  /// studies whose uploads are to be removed; they count as on disk until `forget_upload`.
  std::vector<std::string> prune(const Retention& retention, int64_t most);

 private:
  explicit Store(SQLite::Database database);
  std::optional<Study> find_same(const Study& study, const Wish& wish) const;
  void bind_key(const Wish& wish, const Study& study);
  void free_key(const std::string& id);
  void note(const char* event, const std::string& id, const std::string& detail);
  void note_by(const char* event, const std::string& id, const Viewer& viewer);

  mutable std::mutex mutex_;
  SQLite::Database database_;
  std::filesystem::path set_aside_;
  bool persistent_;
};

}  // namespace ctclip::history
