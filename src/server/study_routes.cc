#include "server/study_routes.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "server/study_view.h"
#include "server/text.h"

namespace ctclip {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kStudies = "/v1/studies/";
constexpr std::size_t kIdSize = 32;
constexpr int64_t kMostInPage = 500;

history::Time read_time(const std::string& name, const std::string& value) {
  const auto time = history::parse_time(value);
  if (!time) refuse_parameter(name, "a UTC time as 2026-11-24T10:52:04Z, or a date", value);
  return *time;
}

int64_t read_limit(const std::string& name, const std::string& value) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole || number < 1 || number > kMostInPage) {
    refuse_parameter(name, "a number from 1 to " + std::to_string(kMostInPage), value);
  }
  return number;
}

history::State read_state(const std::string& name, const std::string& value) {
  const auto state = history::state_from(value);
  if (!state) refuse_parameter(name, "queued, running, done, failed or cancelled", value);
  return *state;
}

void add(history::Filter& filter, const std::string& name, const std::string& value) {
  if (name == "state") {
    filter.state = read_state(name, value);
  } else if (name == "from") {
    filter.from = read_time(name, value);
  } else if (name == "to") {
    filter.to = read_time(name, value);
  } else if (name == "limit") {
    filter.limit = read_limit(name, value);
  } else if (name == "after") {
    filter.after = value;
  } else {
    throw Error(Code::bad_parameter, "Unknown parameter " + shown(name) +
                                         "; there are state, from, to, limit and after.");
  }
}

/// What the queue knows of it is newer than what the history does.
StudyNow latest(const Studies& studies, const history::Viewer& viewer,
                const history::Study& study) {
  if (history::ended(study.state)) return {study, 0, {}};
  return studies.now(study.id, viewer);
}

bool shows_probability(const StudyNow& now) { return now.study.state == history::State::done; }

Reply state_reply(int status, const StudyNow& now, const Asker& asker) {
  const ordered_json state = state_of(now, asker);
  Reply reply = json_reply(status, state);
  reply.headers.emplace_back("Vary", "Accept-Language");
  if (shows_probability(now)) reply.headers.emplace_back(kWarningHeader, kWarning);
  add_notice(reply, state["warnings"]);
  return reply;
}

/// The studies of a viewer, newest first.
Reply list_studies(const history::Store& store, const Studies& studies,
                   const history::Viewer& viewer, std::string_view query) {
  history::Filter filter;
  filter.viewer = viewer;
  for (const auto& [name, value] : query_pairs(query)) add(filter, name, value);
  const int64_t page = filter.limit++;  // one more tells whether there is another page
  auto found = store.list(filter);
  const bool more = static_cast<int64_t>(found.size()) > page;
  if (more) found.pop_back();
  ordered_json list = ordered_json::array();
  for (const history::Study& study : found) {
    list.push_back(summary_of(latest(studies, viewer, study)));
  }
  return json_reply(200, {{"studies", list},
                          {"next", more ? ordered_json(found.back().id) : ordered_json(nullptr)}});
}

/// One of them, with its result; that it was shown is recorded.
Reply show_study(history::Store& store, const Studies& studies, const Reader& reader,
                 const std::string& id) {
  const StudyNow now = studies.now(id, reader.viewer);
  if (!now.study.answer.empty()) store.note_read(now.study, reader.viewer);
  return state_reply(200, now, reader.asker);
}

}  // namespace

std::string study_id_of(std::string_view path) {
  if (!path.starts_with(kStudies)) return {};
  path.remove_prefix(kStudies.size());
  const std::string_view id = path.substr(0, path.find('/'));
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return id.size() == kIdSize && std::ranges::all_of(id, hex) ? std::string(id) : std::string();
}

std::string stored_key(std::string_view key) {
  constexpr std::size_t kMost = 255;
  if (key.empty()) return {};
  if (key.size() > kMost) {
    throw Error(Code::bad_parameter, "The Idempotency-Key is longer than 255 bytes.");
  }
  Sha256 digest;
  digest.add(key);
  return digest.hex();
}

Reply answer_study(history::Store& store, Studies& studies, const Reader& reader,
                   std::string_view method, const Target& target,
                   std::optional<EventStream>& events) {
  const std::string id = study_id_of(target.path);
  if (id.empty()) return list_studies(store, studies, reader.viewer, target.query);
  if (target.path.ends_with("/events")) {
    events.emplace(store, studies, id, reader);
    Reply reply;
    reply.type = "text/event-stream; charset=utf-8";
    reply.headers.emplace_back(kWarningHeader, kWarning);
    return reply;
  }
  if (method == "DELETE") studies.cancel(id, reader.viewer);
  return show_study(store, studies, reader, id);
}

Reply accepted_study(const Studies& studies, const Reader& reader, const std::string& id) {
  const StudyNow now = studies.now(id, reader.viewer);
  Reply reply = state_reply(history::ended(now.study.state) ? 200 : 202, now, reader.asker);
  reply.headers.emplace_back("Location", std::string(kStudies) + id);
  return reply;
}

}  // namespace ctclip
