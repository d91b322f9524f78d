#include "batch/table.h"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/error.h"
#include "batch/scratch_database.h"
#include "study/series.h"

namespace ctclip::batch {
namespace {

constexpr const char* kTables = R"sql(
  CREATE TABLE rows (path TEXT, study TEXT, journal INTEGER, place INTEGER, size INTEGER,
                     modified INTEGER, files INTEGER, PRIMARY KEY (path, study)) WITHOUT ROWID;
  CREATE TABLE others (path TEXT, study TEXT, PRIMARY KEY (path, study)) WITHOUT ROWID;
  CREATE VIEW unanswered AS SELECT path, study FROM others WHERE NOT EXISTS (
    SELECT 1 FROM rows WHERE rows.path = others.path AND rows.study = others.study))sql";

}  // namespace

Table::Table() : database_(scratch_database()) { database_.exec(kTables); }

/// A row about all that is at a path takes the place of rows of single studies there, and the other
/// way round; and one about changed files that of all rows about what they were.
void Table::forget_superseded(const std::string& path, const Row& row) {
  SQLite::Statement rows(database_,
                         "DELETE FROM rows WHERE path = ?1 AND (size <> ?2 OR modified <> ?3 OR "
                         "files <> ?4 OR (study = '') <> (?5 = ''))");
  rows.bind(1, path);
  rows.bind(2, row.fingerprint.size);
  rows.bind(3, row.fingerprint.modified);
  rows.bind(4, row.fingerprint.files);
  rows.bind(5, row.study_uid);
  if (rows.exec() == 0) return;
  SQLite::Statement others(database_, "DELETE FROM others WHERE path = ?");
  others.bind(1, path);
  others.exec();
}

void Table::note_others(const std::string& path, const Row& row) {
  SQLite::Statement insert(database_, "INSERT OR IGNORE INTO others VALUES (?, ?)");
  for (const std::string& study : row.other_studies) {
    insert.reset();
    insert.bind(1, path);
    insert.bind(2, study);
    insert.exec();
  }
}

void Table::put(const Row& row, uint64_t offset) {
  const auto journal = static_cast<int64_t>(journals_.size() - 1);
  const std::string path = journals_.back()->header().input + "/" + row.path;
  SQLite::Statement elsewhere(database_, "SELECT 1 FROM rows WHERE path = ? AND journal <> ?");
  elsewhere.bind(1, path);
  elsewhere.bind(2, journal);
  if (elsewhere.executeStep()) {
    throw Error(
        Code::usage,
        fmt::format("the study of the row at byte {} is in an earlier journal, too", offset));
  }
  forget_superseded(path, row);
  SQLite::Statement insert(database_, "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, path);
  insert.bind(2, row.study_uid);
  insert.bind(3, journal);
  insert.bind(4, static_cast<int64_t>(offset));
  insert.bind(5, row.fingerprint.size);
  insert.bind(6, row.fingerprint.modified);
  insert.bind(7, row.fingerprint.files);
  insert.exec();
  note_others(path, row);
}

void Table::add(const std::filesystem::path& journal) {
  journals_.push_back(std::make_unique<JournalReader>(journal));
  JournalReader& reader = *journals_.back();
  if (reader.empty()) return;
  database_.exec("BEGIN");
  while (const auto row = reader.next()) {
    try {
      put(*row, reader.offset());
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{}: {}", journal.string(), error.what()));
    }
  }
  database_.exec("COMMIT");
}

int64_t Table::count(const char* sql) const {
  SQLite::Statement query(database_, sql);
  query.executeStep();
  return query.getColumn(0).getInt64();
}

int64_t Table::rows() const { return count("SELECT count(*) FROM rows"); }
int64_t Table::unanswered() const { return count("SELECT count(*) FROM unanswered"); }

std::vector<std::string> Table::unanswered(const std::string& path) const {
  SQLite::Statement query(database_, "SELECT study FROM unanswered WHERE path = ? ORDER BY study");
  query.bind(1, path);
  std::vector<std::string> studies;
  while (query.executeStep()) studies.push_back(query.getColumn(0).getString());
  return studies;
}

void Table::for_each(const std::function<void(const Row&)>& take) const {
  SQLite::Statement query(database_, "SELECT journal, place, path FROM rows ORDER BY path, study");
  while (query.executeStep()) {
    const auto journal = static_cast<std::size_t>(query.getColumn(0).getInt64());
    Row row = journals_.at(journal)->at(static_cast<uint64_t>(query.getColumn(1).getInt64()));
    if (!row.other_studies.empty()) {
      const std::string warning = other_studies_warning(unanswered(query.getColumn(2).getString()));
      if (!warning.empty()) row.warnings.insert(row.warnings.begin(), warning);
    }
    take(row);
  }
}

}  // namespace ctclip::batch
