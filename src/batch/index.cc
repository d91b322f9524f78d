#include "batch/index.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>

#include "batch/scratch_database.h"

namespace ctclip::batch {
namespace {

constexpr const char* kTables = R"sql(
  CREATE TABLE files (path TEXT, folder TEXT, study TEXT, uid TEXT, alone INTEGER, size INTEGER,
                      modified INTEGER);
  CREATE TABLE found (study TEXT, path TEXT, text TEXT, uid TEXT, alone INTEGER, size INTEGER,
                      modified INTEGER, files INTEGER);
  CREATE TABLE queue (number INTEGER PRIMARY KEY, study TEXT, path TEXT, text TEXT, uid TEXT,
                      alone INTEGER, size INTEGER, modified INTEGER, files INTEGER,
                      state INTEGER DEFAULT 0, place INTEGER, asked TEXT DEFAULT '');
  BEGIN)sql";

/// Of an entry of the queue. The entry of a path asks for nothing in particular; once several
/// studies are known to be there, it asks for one, and entries with its number as their place ask
/// for the others.
enum State : int { kOpen = 0, kDone = 1, kGiven = 2 };

constexpr const char* kIndices = R"sql(
  COMMIT;
  CREATE INDEX files_by_path ON files (path);
  CREATE INDEX files_by_folder ON files (folder);
  CREATE INDEX files_by_study ON files (study, path))sql";

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

/// What keeps the groups apart: an archive's path, a study's UID, or a folder of strays.
std::string group_of(const StudyFile& file, const std::string& folder) {
  if (file.alone) return "file " + file.path;
  return file.study_uid.empty() ? "stray " + folder : "study " + file.study_uid;
}

}  // namespace

Index::Index() : database_(scratch_database()) { database_.exec(kTables); }

void Index::add(const StudyFile& file) {
  const std::string folder = parent_of(file.path);
  SQLite::Statement insert(database_, "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, file.path);
  insert.bind(2, folder);
  insert.bind(3, group_of(file, folder));
  insert.bind(4, file.study_uid);
  insert.bind(5, file.alone ? 1 : 0);
  insert.bind(6, file.size);
  insert.bind(7, file.modified);
  insert.exec();
}

void Index::adopt_strays() {
  database_.exec(
      "CREATE TABLE strays AS SELECT DISTINCT folder FROM files WHERE alone = 0 AND uid = ''");
  SQLite::Statement folders(database_, "SELECT folder FROM strays");
  SQLite::Statement beside(database_,
                           "SELECT DISTINCT study FROM files WHERE folder = ? AND "
                           "uid <> '' LIMIT 2");
  SQLite::Statement adopt(database_,
                          "UPDATE files SET study = ? WHERE folder = ? AND alone = 0 AND "
                          "uid = ''");
  while (folders.executeStep()) {
    const std::string folder = folders.getColumn(0).getString();
    beside.reset();
    beside.bind(1, folder);
    if (!beside.executeStep()) continue;
    const std::string study = beside.getColumn(0).getString();
    if (beside.executeStep()) continue;  // there are two: it may belong to either
    adopt.reset();
    adopt.bind(1, study);
    adopt.bind(2, folder);
    adopt.exec();
  }
}

/// The deepest folder that holds both paths, or `first` where others have files in it, too.
std::string Index::folder_of(const std::string& group, const std::string& first,
                             const std::string& last) const {
  const auto shorter = static_cast<std::ptrdiff_t>(std::min(first.size(), last.size()));
  const auto differ = std::mismatch(first.begin(), first.begin() + shorter, last.begin()).first;
  const auto length = static_cast<std::size_t>(differ - first.begin());
  const std::string folder =
      first == last ? parent_of(first) : parent_of(first.substr(0, length) + "?");
  // '0' comes right after '/', so this is every path below the folder.
  SQLite::Statement other(
      database_, folder.empty() ? "SELECT 1 FROM files WHERE study <> ?1 LIMIT 1"
                                : "SELECT 1 FROM files WHERE study <> ?1 AND path > ?2 AND "
                                  "path < ?3 LIMIT 1");
  other.bind(1, group);
  if (!folder.empty()) {
    other.bind(2, folder + "/");
    other.bind(3, folder + "0");
  }
  if (other.executeStep()) return first;
  return folder.empty() ? "." : folder;
}

void Index::fill_queue(const Shard& shard) {
  SQLite::Statement groups(database_,
                           "SELECT study, min(path), max(path), max(uid), max(alone), sum(size), "
                           "max(modified), count(*) FROM files GROUP BY study");
  SQLite::Statement insert(database_, "INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  while (groups.executeStep()) {
    const std::string group = groups.getColumn(0).getString();
    const std::string first = groups.getColumn(1).getString();
    const bool alone = groups.getColumn(4).getInt() != 0;
    const std::string path =
        alone ? first : folder_of(group, first, groups.getColumn(2).getString());
    const std::string text = as_text(path);
    if (!in_shard(text, shard)) continue;
    insert.reset();
    insert.bind(1, group);
    insert.bind(2, path);
    insert.bind(3, text);
    insert.bind(4, groups.getColumn(3).getString());
    insert.bind(5, alone ? 1 : 0);
    for (int i = 6; i <= 8; ++i) insert.bind(i, groups.getColumn(i - 1).getInt64());
    insert.exec();
  }
}

void Index::group(const Shard& shard) {
  database_.exec(kIndices);
  database_.exec("BEGIN");
  adopt_strays();
  fill_queue(shard);
  database_.exec(
      "INSERT INTO queue (study, path, text, uid, alone, size, modified, files) "
      "SELECT study, path, text, uid, alone, size, modified, files FROM found ORDER BY text, path");
  database_.exec("UPDATE queue SET place = number");
  database_.exec("CREATE INDEX queue_by_text ON queue (text)");
  database_.exec("CREATE UNIQUE INDEX queue_by_place ON queue (place, asked)");
  database_.exec("CREATE INDEX queue_open ON queue (number) WHERE state = 0");
  database_.exec("COMMIT");
}

int64_t Index::count(const char* sql) const {
  SQLite::Statement query(database_, sql);
  query.executeStep();
  return query.getColumn(0).getInt64();
}

int64_t Index::studies() const { return count("SELECT count(*) FROM queue"); }
int64_t Index::done() const { return count("SELECT count(*) FROM queue WHERE state = 1"); }

std::optional<int64_t> Index::place_of(const std::string& text,
                                       const Fingerprint& fingerprint) const {
  SQLite::Statement query(database_,
                          "SELECT number FROM queue WHERE text = ? AND size = ? AND "
                          "modified = ? AND files = ? AND number = place");
  query.bind(1, text);
  query.bind(2, fingerprint.size);
  query.bind(3, fingerprint.modified);
  query.bind(4, fingerprint.files);
  if (!query.executeStep()) return std::nullopt;
  return query.getColumn(0).getInt64();
}

bool Index::is_split(int64_t place) const {
  SQLite::Statement query(database_, "SELECT 1 FROM queue WHERE number = ? AND asked <> ''");
  query.bind(1, place);
  return query.executeStep();
}

void Index::split(int64_t place, const std::vector<std::string>& studies) {
  SQLite::Statement own(database_,
                        "UPDATE queue SET asked = ?1, uid = ?1, state = 0 WHERE number = ?2 AND "
                        "asked = ''");
  own.bind(1, studies.front());
  own.bind(2, place);
  own.exec();
  SQLite::Statement insert(
      database_,
      "INSERT OR IGNORE INTO queue (study, path, text, uid, alone, size, modified, files, place, "
      "asked) SELECT study, path, text, ?1, alone, size, modified, files, number, ?1 FROM queue "
      "WHERE number = ?2");
  for (const std::string& study : studies) {
    insert.reset();
    insert.bind(1, study);
    insert.bind(2, place);
    insert.exec();
  }
}

void Index::split(const Study& study, const std::vector<std::string>& studies) {
  if (const auto place = place_of(as_text(study.path), study.fingerprint)) split(*place, studies);
}

void Index::set_done(const std::string& text, const Fingerprint& fingerprint,
                     const std::string& study_uid, const std::vector<std::string>& others,
                     bool done) {
  const auto place = place_of(text, fingerprint);
  if (!place) return;
  const bool single = study_uid.empty() || (others.empty() && !is_split(*place));
  if (!single) {
    std::vector<std::string> studies = others;
    studies.insert(studies.begin(), study_uid);
    split(*place, studies);
  }
  SQLite::Statement update(database_, "UPDATE queue SET state = ? WHERE place = ? AND asked = ?");
  update.bind(1, done ? kDone : kOpen);
  update.bind(2, *place);
  update.bind(3, single ? "" : study_uid);
  update.exec();
}

std::optional<Study> Index::next() {
  SQLite::Statement query(database_,
                          "SELECT number, path, uid, alone, size, modified, files, asked FROM "
                          "queue WHERE state = 0 ORDER BY number LIMIT 1");
  if (!query.executeStep()) return std::nullopt;
  Study study;
  study.number = query.getColumn(0).getInt64();
  study.path = query.getColumn(1).getString();
  study.study_uid = query.getColumn(2).getString();
  study.alone = query.getColumn(3).getInt() != 0;
  study.fingerprint = {query.getColumn(4).getInt64(), query.getColumn(5).getInt64(),
                       query.getColumn(6).getInt64()};
  study.asked_for = query.getColumn(7).getString();
  query.reset();
  SQLite::Statement given(database_, "UPDATE queue SET state = ? WHERE number = ?");
  given.bind(1, kGiven);
  given.bind(2, study.number);
  given.exec();
  return study;
}

std::vector<std::string> Index::files(const Study& study) const {
  SQLite::Statement query(database_,
                          "SELECT path FROM files WHERE study = (SELECT study FROM queue WHERE "
                          "number = ?) ORDER BY path");
  query.bind(1, study.number);
  std::vector<std::string> paths;
  while (query.executeStep()) paths.push_back(query.getColumn(0).getString());
  return paths;
}

}  // namespace ctclip::batch
