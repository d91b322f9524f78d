#include <SQLiteCpp/Transaction.h>

#include "history/rows.h"
#include "history/store.h"

namespace ctclip::history {
namespace {

/// Refused keys that are remembered: strangers cause them, and must not fill the disk.
constexpr int64_t kRefusedKeys = 100'000;

Time before(std::chrono::hours age) {
  return now() - std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
}

}  // namespace

// A study goes when its answer's time is over and its upload is gone, so that no file is ever left
// without a row that tells of it.
std::vector<std::string> Store::prune(const Retention& retention, int64_t most) {
  const std::lock_guard lock(mutex_);
  return translated([&] {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    const Time results = before(retention.results);
    // The first of the ended studies that are one too many, as a number.
    auto surplus = bound(database_,
                         "SELECT coalesce(max(number), 0) FROM (SELECT number FROM studies WHERE "
                         "finished IS NOT NULL ORDER BY number DESC LIMIT -1 OFFSET ?)",
                         most);
    surplus.executeStep();
    const int64_t last = surplus.getColumn(0).getInt64();
    surplus.reset();
    const std::string had_its_time = "finished IS NOT NULL AND (finished < ?1 OR number <= ?2)";
    auto uploads = bound(
        database_,
        "SELECT id FROM studies WHERE upload = 1 AND (finished < ?3 OR (" + had_its_time + "))",
        results, last, before(retention.uploads));
    std::vector<std::string> ids;
    while (uploads.executeStep()) ids.push_back(uploads.getColumn(0).getString());
    uploads.reset();
    bound(database_,
          "INSERT INTO audit (time, event, study, owner, client, detail) SELECT ?3, 'expired', "
          "id, owner, client, '' FROM studies WHERE upload = 0 AND " +
              had_its_time,
          results, last, now())
        .exec();
    bound(database_, "DELETE FROM studies WHERE upload = 0 AND " + had_its_time, results, last)
        .exec();
    bound(database_, "DELETE FROM audit WHERE time < ?", before(retention.audit)).exec();
    bound(database_,
          "DELETE FROM audit WHERE event = 'refused' AND number <= (SELECT number FROM audit WHERE "
          "event = 'refused' ORDER BY number DESC LIMIT 1 OFFSET ?)",
          kRefusedKeys)
        .exec();
    transaction.commit();
    return ids;
  });
}

}  // namespace ctclip::history
