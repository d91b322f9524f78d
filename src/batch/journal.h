#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "batch/row.h"
#include "batch/shard.h"

namespace ctclip::batch {

/// Where rows are safe as they come: OUTPUT.journal.jsonl, lines of JSON (docs/batch.md). The first
/// says what the batch is; each other is a row, the last one of a path counts, or says that the
/// batch came to its end. A line counts once its line end is on disk.
std::filesystem::path journal_of(const std::filesystem::path& output);

/// What a batch is: a journal is only gone on with under the same.
struct JournalHeader {
  std::string input;      ///< absolute path of the folder
  std::string answering;  ///< "service", or "in process"
  Shard shard;
  std::optional<double> threshold;
  bool any_anatomy = false;
  bool operator==(const JournalHeader&) const = default;
};

/// A journal's whole lines, one in memory at a time. A last line without its end was being written
/// when the program ended: it does not count.
class JournalReader {
 public:
  /// Throws Error{usage} where it cannot be opened or its first line is no header of ours; one
  /// that was cut off before the end of its first line is `empty`.
  explicit JournalReader(const std::filesystem::path& path);

  bool empty() const { return !header_; }
  const JournalHeader& header() const { return *header_; }
  /// The next row and where its line begins. Throws Error{usage} for a damaged line: which.
  std::optional<Row> next();
  uint64_t offset() const { return begin_; }
  /// The row of the line that begins there.
  Row at(uint64_t offset);
  /// Bytes of the whole lines read so far.
  uint64_t end() const { return end_; }
  /// Whether the last line read says that the batch came to its end.
  bool finished() const { return finished_; }

 private:
  std::optional<nlohmann::ordered_json> line();
  [[noreturn]] void damaged() const;

  std::filesystem::path path_;
  std::ifstream file_;
  std::optional<JournalHeader> header_;
  uint64_t begin_ = 0, end_ = 0;
  int64_t number_ = 0;
  bool finished_ = false;
};

/// Appends; what `append` has returned from is on disk. Held by one process at a time. Thread-safe.
class Journal {
 public:
  /// Makes the file, or goes on with it: calls `take` for every row that is in it, then drops a
  /// torn last line. Throws Error{usage} where another process has it, where its header is another,
  /// or where it cannot be written.
  Journal(const std::filesystem::path& path, const JournalHeader& header,
          const std::function<void(const Row&)>& take);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Throws Error{disk_full, internal}; then the row is not there, nor half of it.
  void append(const Row& row);
  /// Every study has its row.
  void finish();

 private:
  void write(const nlohmann::ordered_json& json);
  void go_on(const JournalHeader& header, const std::function<void(const Row&)>& take);

  std::mutex mutex_;
  std::filesystem::path path_;
  int file_ = -1;
  uint64_t end_ = 0;
};

}  // namespace ctclip::batch
