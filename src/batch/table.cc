#include "batch/table.h"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/error.h"
#include "batch/scratch_database.h"

namespace ctclip::batch {

Table::Table() : database_(scratch_database()) {
  database_.exec(
      "CREATE TABLE rows (path TEXT PRIMARY KEY, journal INTEGER, place INTEGER) WITHOUT ROWID");
}

void Table::put(const Row& row, uint64_t offset) {
  const auto journal = static_cast<int64_t>(journals_.size() - 1);
  SQLite::Statement insert(database_,
                           "INSERT INTO rows VALUES (?1, ?2, ?3) ON CONFLICT (path) DO UPDATE SET "
                           "place = ?3 WHERE journal = ?2");
  insert.bind(1, journals_.back()->header().input + "/" + row.path);
  insert.bind(2, journal);
  insert.bind(3, static_cast<int64_t>(offset));
  if (insert.exec() == 0) {
    throw Error(
        Code::usage,
        fmt::format("the study of the row at byte {} is in an earlier journal, too", offset));
  }
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

int64_t Table::rows() const {
  SQLite::Statement query(database_, "SELECT count(*) FROM rows");
  query.executeStep();
  return query.getColumn(0).getInt64();
}

void Table::for_each(const std::function<void(const Row&)>& take) const {
  SQLite::Statement query(database_, "SELECT journal, place FROM rows ORDER BY path");
  while (query.executeStep()) {
    const auto journal = static_cast<std::size_t>(query.getColumn(0).getInt64());
    take(journals_.at(journal)->at(static_cast<uint64_t>(query.getColumn(1).getInt64())));
  }
}

}  // namespace ctclip::batch
