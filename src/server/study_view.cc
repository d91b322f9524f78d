#include "server/study_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "pipeline/answer.h"

namespace ctclip {
namespace {

using history::State;
using nlohmann::ordered_json;

ordered_json time_of(const std::optional<history::Time>& time) {
  return time ? ordered_json(history::iso_time(*time)) : ordered_json(nullptr);
}

ordered_json text_of(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json progress_of(const StudyNow& now) {
  if (now.study.state != State::running || now.progress.total <= 0) return nullptr;
  return {{"done", now.progress.done}, {"total", now.progress.total}};
}

/// Of a code by its name in the history, which an older version may have written.
Code code_of(const std::string& name) {
  const auto codes = all_codes();
  const auto found = std::ranges::find(codes, name, &CodeInfo::name);
  return found == codes.end() ? Code::internal : found->code;
}

/// An ended study's answer, as the detectors gave it.
Analysis analysis_of(const history::Study& study) {
  Analysis analysis{ordered_json::parse(study.answer), {}};
  if (study.state != State::done) {
    analysis.error.emplace(code_of(study.error_code), analysis.answer.value("error", ""));
  }
  return analysis;
}

}  // namespace

ordered_json summary_of(const StudyNow& now) {
  const history::Study& study = now.study;
  return {{"id", study.id},
          {"state", name_of(study.state)},
          {"stage", text_of(study.stage)},
          {"progress", progress_of(now)},
          {"position", now.position > 0 ? ordered_json(now.position) : ordered_json(nullptr)},
          {"received", history::iso_time(study.received)},
          {"started", time_of(study.started)},
          {"finished", time_of(study.finished)},
          {"bytes", study.bytes},
          {"sha256", study.sha256},
          {"options", ordered_json::parse(study.options)},
          {"study_uid", text_of(study.study_uid)},
          {"series_uid", text_of(study.series_uid)},
          {"bundle_sha256", text_of(study.bundle)},
          {"version", study.version},
          {"seconds", ordered_json::parse(study.seconds)},
          {"error_code", text_of(study.error_code)}};
}

ordered_json state_of(const StudyNow& now, const Asker& asker) {
  ordered_json state = summary_of(now);
  if (now.study.state == State::done) state["warning"] = kWarning;
  ordered_json result;
  if (!now.study.answer.empty()) result = answer_for(analysis_of(now.study), asker);
  state["warnings"] = result.is_null() ? std::vector<std::string>() : take_warnings(result);
  state["result"] = std::move(result);
  return state;
}

Reply answer_of(const history::Study& study, const Asker& asker) {
  if (study.answer.empty()) {
    const Error error(Code::cancelled, "The study was cancelled while this client waited for it.");
    Reply reply = failure_reply(error, 0, std::chrono::seconds(0), asker);
    reply.status = 409;
    return reply;
  }
  Reply reply = study_reply(analysis_of(study), asker);
  reply.headers.emplace_back("X-CTCLIP-Study", study.id);
  return reply;
}

}  // namespace ctclip
