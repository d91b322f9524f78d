#include "server/reply.h"

#include <nlohmann/json.hpp>

#include "pipeline/answer.h"
#include "server/status.h"

namespace ctclip {

Reply json_reply(int status, const nlohmann::ordered_json& json) {
  Reply reply;
  reply.status = status;
  reply.body = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return reply;
}

Reply failure_reply(const Error& error, double seconds, std::chrono::seconds retry_after) {
  Reply reply = json_reply(status_of(error.code()).http, failure_answer(error, {}, {}, seconds));
  if (error.fault() == Fault::busy || error.fault() == Fault::unavailable) {
    reply.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
  }
  return reply;
}

}  // namespace ctclip
