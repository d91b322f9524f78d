#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "batch/journal.h"
#include "batch/row.h"

namespace ctclip::batch {

/// The rows of one batch, or of its shards, in the order of the studies' paths. Where each row is
/// in its journal is kept on disk, so that memory does not grow with them. For one thread.
class Table {
 public:
  Table();
  /// Of two rows of one study in one journal the later counts. Throws Error{usage} where the
  /// journal cannot be read, is damaged, or has a study that another journal has.
  void add(const std::filesystem::path& journal);

  int64_t rows() const;
  void for_each(const std::function<void(const Row&)>& take) const;

 private:
  void put(const Row& row, uint64_t offset);

  SQLite::Database database_;
  std::vector<std::unique_ptr<JournalReader>> journals_;
};

}  // namespace ctclip::batch
