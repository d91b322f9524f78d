#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "batch/journal.h"
#include "batch/row.h"

namespace ctclip::batch {

/// The rows of one batch, or of its shards, in the order of the studies' paths and UIDs. Where each
/// row is in its journal is kept on disk, so that memory does not grow with them. For one thread.
class Table {
 public:
  Table();
  /// Of two rows of one study in one journal the later counts; those of a path count as long as its
  /// files are what they were. Throws Error{usage} where the journal cannot be read, is damaged, or
  /// has a path that another journal has.
  void add(const std::filesystem::path& journal);

  int64_t rows() const;
  /// Studies of archives that have no row, as the batch did not come to them.
  int64_t unanswered() const;
  /// Rows of an archive of which there are such studies warn of them.
  void for_each(const std::function<void(const Row&)>& take) const;

 private:
  void put(const Row& row, uint64_t offset);
  void forget_superseded(const std::string& path, const Row& row);
  void note_others(const std::string& path, const Row& row);
  std::vector<std::string> unanswered(const std::string& path) const;
  int64_t count(const char* sql) const;

  SQLite::Database database_;
  std::vector<std::unique_ptr<JournalReader>> journals_;
};

}  // namespace ctclip::batch
