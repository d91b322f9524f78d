#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <filesystem>

#include "base/error.h"

namespace ctclip::history {

/// A history that may be written.
struct OpenedDatabase {
  SQLite::Database database;
  /// Where a damaged one was moved, with everything that belongs to it; empty where none was.
  std::filesystem::path set_aside;
};

/// Opens or makes `file`, and brings its tables to this version; an empty name is a history in
/// memory, gone with the object. A commit is on disk when it returns (WAL, synchronous = FULL). A
/// damaged file is moved to damaged-TIME beside it and replaced by an empty one, with a line in the
/// log. Throws Error{history_unavailable} where another process holds it, Error{usage} where it
/// cannot be opened or is of a later version.
OpenedDatabase open_for_writing(const std::filesystem::path& file);

/// The history of a service that may be running. Throws Error{usage}: which file, and why not.
SQLite::Database open_for_reading(const std::filesystem::path& file);

/// What SQLite reports, as an error of ours: history_unavailable where it is locked or cannot be
/// read, disk_full where there is no room.
Error error_of(const SQLite::Exception& error);

}  // namespace ctclip::history
