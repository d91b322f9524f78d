#include "batch/merge.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "base/error.h"
#include "batch/journal.h"

namespace ctclip::batch {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& part, const std::string& what) {
  throw Error(Code::usage, fmt::format("{}: {}", part.string(), what));
}

fs::path journal_in(const fs::path& part) {
  if (part.string().ends_with(".journal.jsonl")) return part;
  if (fs::path journal = journal_of(part); fs::exists(journal)) return journal;
  refuse(part, fmt::format("is no journal, and there is no {} beside it",
                           journal_of(part.filename()).string()));
}

struct Part {
  fs::path journal;
  JournalHeader header;
};

/// Reads a journal to its end. A result is of one bundle, and of whole batches.
Part check(const fs::path& part, bool partial, std::string& models) {
  JournalReader reader(journal_in(part));
  if (reader.empty()) refuse(part, "was cut off at its beginning; there is no row in it");
  int64_t rows = 0;
  while (const auto row = reader.next()) {
    ++rows;
    if (row->models.empty()) continue;
    if (models.empty()) models = row->models;
    if (models != row->models) {
      refuse(part, fmt::format("row {} was answered by other models than the rows before", rows));
    }
  }
  if (!partial && !reader.finished()) {
    refuse(part, fmt::format("its batch did not come to its end ({} rows); go on with --resume, or "
                             "merge what there is with --partial",
                             rows));
  }
  return {journal_in(part), reader.header()};
}

/// Shards by their batch: what their headers have in common.
using Shards = std::map<std::string, std::map<int, fs::path>>;

void sort_in(const Part& part, Shards& shards) {
  const JournalHeader& header = part.header;
  const std::string batch =
      fmt::format("{}\n{}\n{}\n{}\n{}", header.input, header.answering, header.shard.count,
                  header.threshold.value_or(-1), header.any_anatomy);
  const auto [there, added] = shards[batch].emplace(header.shard.index, part.journal);
  if (added) return;
  refuse(part.journal,
         fmt::format("is shard {}, and so is {}", to_string(header.shard), there->second.string()));
}

void require_all(const Part& part, const Shards& shards) {
  const int wanted = part.header.shard.count;
  for (const auto& [batch, found] : shards) {
    const bool own = std::any_of(found.begin(), found.end(),
                                 [&](const auto& shard) { return shard.second == part.journal; });
    if (!own || static_cast<int>(found.size()) == wanted) continue;
    for (int i = 1; i <= wanted; ++i) {
      if (found.contains(i)) continue;
      refuse(part.journal, fmt::format("is shard {} of a batch whose shard {}/{} is missing",
                                       to_string(part.header.shard), i, wanted));
    }
  }
}

}  // namespace

Table merge(const std::vector<fs::path>& parts, bool partial) {
  std::vector<Part> checked;
  Shards shards;
  std::string models;
  for (const fs::path& part : parts) {
    checked.push_back(check(part, partial, models));
    sort_in(checked.back(), shards);
  }
  Table table;
  for (const Part& part : checked) {
    if (!partial) require_all(part, shards);
    table.add(part.journal);
  }
  return table;
}

}  // namespace ctclip::batch
