#pragma once

#include <SQLiteCpp/Database.h>

namespace ctclip::batch {

/// A database that is nobody else's, on disk in TMPDIR, nameless and gone when it is closed. Takes
/// a few megabytes of memory, whatever is in it.
inline SQLite::Database scratch_database() {
  SQLite::Database database("", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("PRAGMA journal_mode = OFF");
  database.exec("PRAGMA synchronous = OFF");
  database.exec("PRAGMA temp_store = FILE");
  database.exec("PRAGMA cache_size = -2000");  // KiB
  return database;
}

}  // namespace ctclip::batch
