#include "history/database.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "history/time.h"

namespace ctclip::history {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMilliseconds = 2'000;

// A change of the tables is one more entry here; none is ever edited.
constexpr std::array kMigrations = {R"sql(
  CREATE TABLE studies (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    client TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    options TEXT NOT NULL,
    attached INTEGER NOT NULL,
    upload INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    stage TEXT NOT NULL,
    received INTEGER NOT NULL,
    started INTEGER,
    finished INTEGER,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    bundle TEXT NOT NULL,
    precision TEXT NOT NULL,
    version TEXT NOT NULL,
    seconds TEXT NOT NULL,
    answer TEXT NOT NULL,
    error_code TEXT NOT NULL,
    error TEXT NOT NULL,
    CHECK ((finished IS NULL) = (state IN ('queued', 'running'))));
  CREATE TABLE keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    study TEXT NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, key)) WITHOUT ROWID;
  CREATE INDEX keys_by_study ON keys (study);
  CREATE INDEX studies_by_content ON studies (sha256);
  CREATE INDEX studies_by_finished ON studies (finished);
  CREATE INDEX studies_by_owner ON studies (owner, number);
  CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    event TEXT NOT NULL,
    study TEXT NOT NULL,
    owner TEXT NOT NULL,
    client TEXT NOT NULL,
    detail TEXT NOT NULL);
  CREATE INDEX audit_by_time ON audit (time))sql"};

bool is_damage(const SQLite::Exception& error) {
  return error.getErrorCode() == SQLITE_CORRUPT || error.getErrorCode() == SQLITE_NOTADB;
}

int64_t pragma(const SQLite::Database& database, const char* sql) {
  SQLite::Statement query(database, sql);
  query.executeStep();
  return query.getColumn(0).getInt64();
}

void migrate(SQLite::Database& database, const fs::path& file) {
  const auto known = static_cast<int64_t>(kMigrations.size());
  const int64_t version = pragma(database, "PRAGMA user_version");
  if (version > known) {
    throw Error(Code::usage, fmt::format("{}: expected a history of version {} or earlier, found "
                                         "{}: a later ctclip made it",
                                         file.string(), known, version));
  }
  for (int64_t i = version; i < known; ++i) {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    database.exec(kMigrations.at(static_cast<std::size_t>(i)));
    database.exec(fmt::format("PRAGMA user_version = {}", i + 1));
    transaction.commit();
  }
}

SQLite::Database open_checked(const fs::path& file) {
  SQLite::Database database(file.empty() ? ":memory:" : file.string(),
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMilliseconds);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("PRAGMA foreign_keys = ON");
  database.exec("PRAGMA secure_delete = ON");  // what has expired is gone
  SQLite::Statement check(database, "PRAGMA quick_check(1)");
  check.executeStep();
  std::string found = check.getColumn(0).getString();
  std::replace(found.begin(), found.end(), '\n', ' ');
  if (found != "ok") throw SQLite::Exception(found, SQLITE_CORRUPT);
  check.reset();
  migrate(database, file);
  return database;
}

fs::path set_aside(const fs::path& file) {
  std::string time = iso_time(now());
  std::erase_if(time, [](char c) { return c == ':' || c == '-'; });
  fs::path folder = file.parent_path() / ("damaged-" + time);
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const fs::path from = file.string() + suffix;
    if (fs::exists(from)) fs::rename(from, folder / from.filename());
  }
  return folder;
}

}  // namespace

Error error_of(const SQLite::Exception& error) {
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
      return {Code::disk_full, "There is too little disk space for the history; try again later."};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::history_unavailable,
              "The history of studies is locked by another process; try again later."};
    default:
      log().error("history: {} (SQLite's code {})", error.getErrorStr(), error.getErrorCode());
      return {Code::history_unavailable,
              "The history of studies cannot be read or written; the service's log has the "
              "reason."};
  }
}

OpenedDatabase open_for_writing(const fs::path& file) {
  try {
    return {open_checked(file), {}};
  } catch (const SQLite::Exception& error) {
    if (!is_damage(error)) {
      if (error.getErrorCode() == SQLITE_BUSY) throw error_of(error);
      throw Error(Code::usage,
                  fmt::format("{}: cannot be opened: {}", file.string(), error.what()));
    }
    const fs::path folder = set_aside(file);
    log().error(
        "history: {} is damaged ({}): it was moved to {}, and an empty one begun; studies that "
        "were accepted and not yet answered are there, too, and have to be sent again",
        file.string(), error.what(), folder.string());
    return {open_checked(file), folder};
  }
}

SQLite::Database open_for_reading(const fs::path& file) {
  if (!fs::exists(file)) {
    throw Error(Code::usage,
                file.string() + ": there is no history; a service with this --state makes one");
  }
  const auto open = [](const std::string& name, int more) {
    SQLite::Database database(name, SQLite::OPEN_READONLY | more, kBusyMilliseconds);
    if (pragma(database, "PRAGMA user_version") != static_cast<int64_t>(kMigrations.size())) {
      throw Error(Code::usage, "it is of another version; `ctclip serve` brings it up to date");
    }
    return database;
  };
  try {
    try {
      return open(file.string(), 0);
    } catch (const SQLite::Exception& error) {
      // No service runs, and this user may not make the file that readers share.
      if (error.getErrorCode() != SQLITE_CANTOPEN || fs::exists(file.string() + "-wal")) throw;
      return open("file:" + file.string() + "?immutable=1", SQLite::OPEN_URI);
    }
  } catch (const std::exception& error) {
    throw Error(Code::usage, fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace ctclip::history
