#include "server/reply.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "pipeline/answer.h"
#include "server/notice.h"
#include "server/status.h"

namespace ctclip {

Reply json_reply(int status, const nlohmann::ordered_json& json) {
  Reply reply;
  reply.status = status;
  reply.body = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return reply;
}

namespace {

/// A failure's JSON, made for who asks.
nlohmann::ordered_json worded(nlohmann::ordered_json answer, const Error& error,
                              const Asker& asker) {
  answer["error"] = error_text(error, asker.language);
  answer["request_id"] = asker.request_id;
  return answer;
}

Reply failure(const nlohmann::ordered_json& answer, const Error& error, const Asker& asker) {
  Reply reply = json_reply(status_of(error.code()).http, answer);
  reply.headers.emplace_back("Content-Language", tag_of(asker.language));
  reply.headers.emplace_back("Vary", "Accept-Language");
  return reply;
}

}  // namespace

Reply failure_reply(const Error& error, double seconds, std::chrono::seconds retry_after,
                    const Asker& asker) {
  Reply reply = failure(worded(failure_answer(error, {}, {}, seconds), error, asker), error, asker);
  if (error.fault() == Fault::busy || error.fault() == Fault::unavailable) {
    reply.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
  }
  return reply;
}

nlohmann::ordered_json answer_for(Analysis analysis, const Asker& asker) {
  if (analysis.error) return worded(std::move(analysis.answer), *analysis.error, asker);
  if (analysis.answer.contains("details")) {
    analysis.answer["details"]["request_id"] = asker.request_id;
  }
  return std::move(analysis.answer);
}

void add_notice(Reply& reply, const std::vector<std::string>& warnings) {
  if (!warnings.empty()) reply.headers.emplace_back(kNoticeHeader, notice_of(warnings));
}

Reply study_reply(Analysis analysis, const Asker& asker) {
  const std::optional<Error> error = analysis.error;
  nlohmann::ordered_json answer = answer_for(std::move(analysis), asker);
  const std::vector<std::string> warnings = take_warnings(answer);
  Reply reply = error ? failure(answer, *error, asker) : json_reply(200, answer);
  if (!error) reply.headers.emplace_back(kWarningHeader, kWarning);
  add_notice(reply, warnings);
  return reply;
}

}  // namespace ctclip
