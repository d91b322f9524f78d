#include "server/study_record.h"

#include <nlohmann/json.hpp>

#include "base/uid.h"
#include "pipeline/answer.h"

namespace ctclip {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string text_of(const ordered_json& node) {
  return node.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string text_field(const ordered_json& answer, const char* name) {
  const auto found = answer.find(name);
  if (found == answer.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

history::State state_of(const Analysis& analysis) {
  if (!analysis.error) return history::State::done;
  return analysis.error->code() == Code::cancelled ? history::State::cancelled
                                                   : history::State::failed;
}

}  // namespace

std::string options_of(const AnalysisRequest& request) {
  json options = {{"any_anatomy", request.study.any_anatomy},
                  {"details", request.details},
                  {"series_uid", request.study.series_uid}};
  if (!request.study.study_uid.empty()) options["study_uid"] = request.study.study_uid;
  if (request.threshold) options["threshold"] = *request.threshold;
  return options.dump();
}

AnalysisRequest request_of(const std::string& options, const Limits& limits) {
  const json node = json::parse(options);
  AnalysisRequest request;
  request.study.limits = limits;
  request.study.any_anatomy = node.at("any_anatomy").get<bool>();
  request.study.series_uid = node.at("series_uid").get<std::string>();
  request.study.study_uid = node.value("study_uid", "");
  request.details = node.at("details").get<bool>();
  if (node.contains("threshold")) request.threshold = node["threshold"].get<double>();
  return request;
}

history::Outcome outcome_of(const Analysis& analysis, const Job& job, const AnalyserFacts& facts) {
  history::Outcome outcome;
  outcome.state = state_of(analysis);
  outcome.stage = job.progress.get().stage;
  outcome.study_uid = uid_of(text_field(analysis.answer, "study_uid"));
  outcome.series_uid = uid_of(text_field(analysis.answer, "series_uid"));
  outcome.bundle = facts.sha256;
  outcome.precision = facts.precision;
  outcome.version = CTCLIP_VERSION;
  ordered_json seconds = ordered_json::object();
  for (const auto& [stage, spent] : job.seconds) seconds[stage] = spent;
  outcome.seconds = seconds.dump();
  if (outcome.state != history::State::cancelled) outcome.answer = text_of(analysis.answer);
  if (!analysis.error) return outcome;
  outcome.error_code = info(analysis.error->code()).name;
  outcome.error = text_of(analysis.answer.value("error", ""));
  return outcome;
}

history::Outcome outcome_of(const Error& error) {
  return outcome_of({failure_answer(error, {}, {}, 0), error}, Job(), {});
}

void apply(const history::Outcome& outcome, history::Study& study) {
  study.state = outcome.state;
  study.finished = history::now();
  study.stage = outcome.stage;
  study.study_uid = outcome.study_uid;
  study.series_uid = outcome.series_uid;
  study.bundle = outcome.bundle;
  study.precision = outcome.precision;
  study.version = outcome.version;
  study.seconds = outcome.seconds;
  study.answer = outcome.answer;
  study.error_code = outcome.error_code;
  study.error = outcome.error;
}

}  // namespace ctclip
