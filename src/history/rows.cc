#include "history/rows.h"

#include <algorithm>
#include <array>

#include "base/uid.h"

namespace ctclip::history {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"queued", "running", "done", "failed",
                                                     "cancelled"};
constexpr const char* kColumns =
    "number, id, owner, client, sha256, bytes, options, attached, upload, attempts, state, "
    "stage, received, started, finished, study_uid, series_uid, bundle, precision, version, "
    "seconds, answer, error_code, error";

std::optional<Time> time_or_none(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional<Time>(column.getInt64());
}

}  // namespace

std::string_view name_of(State state) { return kStates.at(static_cast<std::size_t>(state)); }

std::optional<State> state_from(std::string_view name) {
  const auto found = std::ranges::find(kStates, name);
  if (found == kStates.end()) return std::nullopt;
  return static_cast<State>(found - kStates.begin());
}

std::string select_studies(const std::string& rest) {
  return std::string("SELECT ") + kColumns + " FROM studies " + rest;
}

Study read_study(SQLite::Statement& row) {
  int at = 0;
  const auto text = [&] { return row.getColumn(at++).getString(); };
  const auto integer = [&] { return row.getColumn(at++).getInt64(); };
  Study study;
  study.number = integer();
  study.id = text();
  study.owner = text();
  study.client = text();
  study.sha256 = text();
  study.bytes = integer();
  study.options = text();
  study.attached = integer() != 0;
  study.upload = integer() != 0;
  study.attempts = integer();
  study.state = state_from(text()).value_or(State::failed);
  study.stage = text();
  study.received = integer();
  study.started = time_or_none(row.getColumn(at++));
  study.finished = time_or_none(row.getColumn(at++));
  for (std::string* field :
       {&study.study_uid, &study.series_uid, &study.bundle, &study.precision, &study.version,
        &study.seconds, &study.answer, &study.error_code, &study.error}) {
    *field = text();
  }
  // What an earlier version stored may be no UID.
  study.study_uid = uid_of(study.study_uid);
  study.series_uid = uid_of(study.series_uid);
  return study;
}

std::vector<Study> read_studies(SQLite::Statement& query) {
  std::vector<Study> studies;
  while (query.executeStep()) studies.push_back(read_study(query));
  return studies;
}

std::optional<Study> read_first(SQLite::Statement& query) {
  if (!query.executeStep()) return std::nullopt;
  return read_study(query);
}

// What a study does not have yet is what its struct starts with.
void insert_study(SQLite::Database& database, const Study& study) {
  bound(database,
        "INSERT INTO studies (id, owner, client, sha256, bytes, options, attached, received, "
        "bundle, precision, version, upload, attempts, state, stage, study_uid, series_uid, "
        "seconds, answer, error_code, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, "
        "'queued', '', '', '', '{}', '', '', '')",
        study.id, study.owner, study.client, study.sha256, study.bytes, study.options,
        study.attached ? 1 : 0, study.received, study.bundle, study.precision, study.version)
      .exec();
}

Event read_event(SQLite::Statement& row) {
  return {row.getColumn(0).getInt64(),  row.getColumn(1).getInt64(),  row.getColumn(2).getString(),
          row.getColumn(3).getString(), row.getColumn(4).getString(), row.getColumn(5).getString(),
          row.getColumn(6).getString()};
}

}  // namespace ctclip::history
