#pragma once

#include <SQLiteCpp/Statement.h>

#include <optional>
#include <string>
#include <vector>

#include "history/database.h"
#include "history/study.h"

namespace ctclip::history {

// Between the tables and their structs; included by the store alone.

/// "SELECT <every column of a study> FROM studies " and what follows it.
std::string select_studies(const std::string& rest);
Study read_study(SQLite::Statement& row);
std::vector<Study> read_studies(SQLite::Statement& query);
std::optional<Study> read_first(SQLite::Statement& query);
void insert_study(SQLite::Database& database, const Study& study);
Event read_event(SQLite::Statement& row);

/// Binds in order: text, integers.
template <typename... Values>
SQLite::Statement bound(const SQLite::Database& database, const std::string& sql,
                        const Values&... values) {
  SQLite::Statement statement(database, sql);
  int index = 0;
  (statement.bind(++index, values), ...);
  return statement;
}

/// Runs `work`, and turns what SQLite throws into an Error.
template <typename Work>
auto translated(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    throw error_of(error);
  }
}

}  // namespace ctclip::history
