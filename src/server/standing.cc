#include "server/standing.h"

#include <nlohmann/json.hpp>

#include "server/routes.h"
#include "server/session.h"

namespace ctclip {

std::optional<Code> unready_reason(const Service& service) {
  if (const std::optional<Code> closed = service.jobs.refusal()) return closed;
  try {
    service.spool.require_space(0);
  } catch (const Error& error) {
    return error.code();
  }
  return {};
}

Standing standing_of(const Service& service) {
  const Jobs::Counts jobs = service.jobs.counts();
  return {.ready = !unready_reason(service),
          .waiting = jobs.waiting,
          .running = jobs.running,
          .uploading = jobs.reserved,
          .connections = service.connections.size(),
          .spool_free = service.spool.free_bytes(),
          .spool_files = service.spool.files(),
          .process = process_figures()};
}

Reply readiness(const Service& service) {
  const std::optional<Code> reason = unready_reason(service);
  if (!reason) {
    nlohmann::ordered_json body = {{"ready", true}};
    body.update(service.jobs.facts().choice);
    return json_reply(200, body);
  }
  Reply reply = json_reply(503, {{"ready", false}, {"reason", info(*reason).name}});
  const auto seconds = retry_after(*reason, service.jobs).count();
  reply.headers.emplace_back("Retry-After", std::to_string(seconds));
  return reply;
}

Reply metrics_reply(const Service& service) {
  Reply reply;
  reply.type = kMetricsType;
  reply.body = service.metrics.text(standing_of(service));
  return reply;
}

}  // namespace ctclip
