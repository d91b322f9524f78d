#include "history/store.h"

#include <SQLiteCpp/Transaction.h>

#include "history/rows.h"

namespace ctclip::history {
namespace {

constexpr const char* kOpen = "state IN ('queued', 'running')";

SQLite::Transaction begin(SQLite::Database& database) {
  return SQLite::Transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
}

/// "AND ..." for the studies that a viewer may see.
std::string visible(const Viewer& viewer) { return viewer.admin ? "" : "AND owner = :owner "; }

void bind_viewer(SQLite::Statement& query, const Viewer& viewer) {
  if (!viewer.admin) query.bind(":owner", viewer.owner);
}

}  // namespace

Store::Store(const std::filesystem::path& file)
    : database_(":memory:"), persistent_(!file.empty()) {
  OpenedDatabase opened = open_for_writing(file);
  database_ = std::move(opened.database);
  set_aside_ = std::move(opened.set_aside);
}

Store::Store(SQLite::Database database) : database_(std::move(database)), persistent_(true) {}

Store Store::read_only(const std::filesystem::path& file) { return Store(open_for_reading(file)); }

void Store::note(const char* event, const std::string& id, const std::string& detail) {
  bound(database_,
        "INSERT INTO audit (time, event, study, owner, client, detail) "
        "SELECT ?, ?, id, owner, client, ? FROM studies WHERE id = ?",
        now(), event, detail, id)
      .exec();
}

void Store::note_by(const char* event, const std::string& id, const Viewer& viewer) {
  bound(database_,
        "INSERT INTO audit (time, event, study, owner, client, detail) VALUES (?, ?, ?, ?, ?, '')",
        now(), event, id, viewer.owner, viewer.client)
      .exec();
}

std::optional<Study> Store::find_same(const Study& study, const Wish& wish) const {
  if (!wish.key.empty()) {
    auto query = bound(database_,
                       select_studies("WHERE id = (SELECT study FROM keys WHERE owner = ? AND "
                                      "key = ?)"),
                       study.owner, wish.key);
    if (auto earlier = read_first(query)) return earlier;
  }
  if (wish.fresh || study.bundle.empty()) return std::nullopt;
  auto query =
      bound(database_,
            select_studies("WHERE owner = ? AND sha256 = ? AND options = ? AND bundle = ? "
                           "AND precision = ? AND version = ? AND state = 'done' "
                           "ORDER BY number DESC LIMIT 1"),
            study.owner, study.sha256, study.options, study.bundle, study.precision, study.version);
  return read_first(query);
}

void Store::bind_key(const Wish& wish, const Study& study) {
  if (wish.key.empty()) return;
  bound(database_, "INSERT OR IGNORE INTO keys (owner, key, study) VALUES (?, ?, ?)", study.owner,
        wish.key, study.id)
      .exec();
}

/// A study that nobody waits for any more leaves its key to the next try.
void Store::free_key(const std::string& id) {
  bound(database_,
        "DELETE FROM keys WHERE study = (SELECT id FROM studies WHERE id = ? AND attached AND "
        "state = 'cancelled')",
        id)
      .exec();
}

std::optional<Study> Store::accept(const Study& study, const Wish& wish) {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    auto transaction = begin(database_);
    std::optional<Study> same = find_same(study, wish);
    if (!same) insert_study(database_, study);
    bind_key(wish, same ? *same : study);
    note(same ? "reused" : "accepted", same ? same->id : study.id, "");
    transaction.commit();
    return same;
  });
}

void Store::discard(const std::string& id) {
  const std::lock_guard lock(mutex_);
  translated([&] {
    auto transaction = begin(database_);
    note("discarded", id, "");
    bound(database_, "DELETE FROM studies WHERE id = ?", id).exec();
    transaction.commit();
  });
}

bool Store::start(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    auto transaction = begin(database_);
    const int changed = bound(database_,
                              "UPDATE studies SET state = 'running', started = ?, "
                              "attempts = attempts + 1 WHERE id = ? AND state = 'queued'",
                              now(), id)
                            .exec();
    if (changed > 0) note("started", id, "");
    transaction.commit();
    return changed > 0;
  });
}

void Store::requeue(const std::string& id) {
  const std::lock_guard lock(mutex_);
  translated([&] {
    auto transaction = begin(database_);
    bound(database_,
          "UPDATE studies SET state = 'queued', started = NULL WHERE id = ? AND state = 'running'",
          id)
        .exec();
    note("recovered", id, "");
    transaction.commit();
  });
}

bool Store::finish(const std::string& id, const Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    auto transaction = begin(database_);
    const std::string state(name_of(outcome.state));
    const int changed =
        bound(database_,
              std::string("UPDATE studies SET state = ?, finished = ?, stage = ?, study_uid = ?, "
                          "series_uid = ?, bundle = ?, precision = ?, version = ?, seconds = ?, "
                          "answer = ?, error_code = ?, error = ?, upload = ? WHERE id = ? AND ") +
                  kOpen,
              state, now(), outcome.stage, outcome.study_uid, outcome.series_uid, outcome.bundle,
              outcome.precision, outcome.version, outcome.seconds, outcome.answer,
              outcome.error_code, outcome.error, outcome.keeps_upload ? 1 : 0, id)
            .exec();
    if (changed > 0) note(state.c_str(), id, outcome.error_code);
    free_key(id);
    transaction.commit();
    return changed > 0;
  });
}

bool Store::cancel(const std::string& id, const Viewer& viewer) {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    auto transaction = begin(database_);
    SQLite::Statement update(
        database_,
        "UPDATE studies SET state = 'cancelled', finished = :now, upload = 0 WHERE id = :id " +
            visible(viewer) + "AND " + kOpen);
    update.bind(":now", now());
    update.bind(":id", id);
    bind_viewer(update, viewer);
    const int changed = update.exec();
    if (changed > 0) note_by("cancelled", id, viewer);
    free_key(id);
    transaction.commit();
    return changed > 0;
  });
}

void Store::forget_upload(const std::string& id) {
  const std::lock_guard lock(mutex_);
  translated([&] { bound(database_, "UPDATE studies SET upload = 0 WHERE id = ?", id).exec(); });
}

std::optional<Study> Store::find(const std::string& id, const Viewer& viewer) const {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    SQLite::Statement query(database_, select_studies("WHERE id = :id " + visible(viewer)));
    query.bind(":id", id);
    bind_viewer(query, viewer);
    return read_first(query);
  });
}

std::vector<Study> Store::list(const Filter& filter) const {
  int64_t before = 0;
  if (!filter.after.empty()) {
    const auto last = find(filter.after, filter.viewer);
    if (!last) {
      throw Error(Code::bad_parameter, "Parameter 'after': there is no study of this id any more.");
    }
    before = last->number;
  }
  const std::lock_guard lock(mutex_);
  return translated([&] {
    std::string where = "WHERE 1 " + visible(filter.viewer);
    if (filter.state) where += "AND state = :state ";
    if (filter.from) where += "AND received >= :from ";
    if (filter.to) where += "AND received < :to ";
    if (before > 0) where += "AND number < :before ";
    SQLite::Statement query(database_, select_studies(where + "ORDER BY number DESC LIMIT :limit"));
    bind_viewer(query, filter.viewer);
    if (filter.state) query.bind(":state", std::string(name_of(*filter.state)));
    if (filter.from) query.bind(":from", *filter.from);
    if (filter.to) query.bind(":to", *filter.to);
    if (before > 0) query.bind(":before", before);
    query.bind(":limit", filter.limit);
    return read_studies(query);
  });
}

std::vector<Study> Store::unfinished() const {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    SQLite::Statement query(database_,
                            select_studies(std::string("WHERE ") + kOpen + " ORDER BY number"));
    return read_studies(query);
  });
}

std::vector<std::string> Store::uploads() const {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    SQLite::Statement query(database_, "SELECT id FROM studies WHERE upload = 1");
    std::vector<std::string> ids;
    while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
    return ids;
  });
}

void Store::note_refused_key(const std::string& client, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  translated([&] {
    bound(database_,
          "INSERT INTO audit (time, event, study, owner, client, detail) VALUES (?, 'refused', '', "
          "'', ?, ?)",
          now(), client, detail)
        .exec();
  });
}

void Store::note_read(const Study& study, const Viewer& viewer) {
  const std::lock_guard lock(mutex_);
  translated([&] { note_by("read", study.id, viewer); });
}

std::vector<Event> Store::events(int64_t after, int64_t limit) const {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    auto query = bound(database_,
                       "SELECT number, time, event, study, owner, client, detail FROM audit "
                       "WHERE number > ? ORDER BY number LIMIT ?",
                       after, limit);
    std::vector<Event> events;
    while (query.executeStep()) events.push_back(read_event(query));
    return events;
  });
}

}  // namespace ctclip::history
