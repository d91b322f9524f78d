#include "server/event_stream.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"

namespace ctclip {

EventStream::EventStream(history::Store& store, const Studies& studies, std::string id,
                         Reader reader)
    : store_(store), studies_(studies), id_(std::move(id)), reader_(std::move(reader)) {
  state_ = studies_.now(id_, reader_.viewer).study.state;
}

void EventStream::look(std::chrono::steady_clock::time_point now, std::string& event) {
  const StudyNow study = studies_.now(id_, reader_.viewer);
  std::string data = json_reply(200, state_of(study, reader_.asker)).body;  // one line
  if (data == said_) return;
  if (!study.study.answer.empty()) store_.note_read(study.study, reader_.viewer);
  state_ = study.study.state;
  spoke_ = now;
  said_ = std::move(data);
  event = "data: " + said_ + "\n";
}

std::string EventStream::next() {
  const auto now = std::chrono::steady_clock::now();
  std::string event;
  try {
    look(now, event);
  } catch (const Error& error) {  // what is only locked is asked again
    gone_ = error.code() == Code::not_found;
  }
  if (event.empty() && now - spoke_ >= kHeartbeat) {
    spoke_ = now;
    event = ": still here\n\n";
  }
  return event;
}

bool EventStream::ended(bool stopping) const {
  if (gone_ || (history::ended(state_) && !said_.empty())) return true;
  return stopping && state_ == history::State::queued;
}

}  // namespace ctclip
