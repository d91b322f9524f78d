#include "server/client_limits.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"

namespace ctclip {

Quota::Slot take_turn(Quota& studies, const Identity& identity, const Peer& peer) {
  auto slot = studies.take(identity.id.empty() ? peer.client : "key " + identity.id);
  if (slot) return *std::move(slot);
  throw Error(Code::client_limit,
              "This client has " + std::to_string(studies.limit()) +
                  " studies here already; try again when one of them is answered.");
}

void require_speed(const ServerOptions& options, uint64_t received, double seconds) {
  const auto in_seconds = [](auto time) { return std::chrono::duration<double>(time).count(); };
  if (seconds > in_seconds(options.body_timeout)) {
    throw Error(Code::upload_too_slow, "The upload took longer than it may.");
  }
  const double counted = seconds - in_seconds(options.idle_timeout);
  if (static_cast<double>(received) < counted * static_cast<double>(options.upload_rate)) {
    throw Error(Code::upload_too_slow, "The upload came with less than " +
                                           std::to_string(options.upload_rate) +
                                           " bytes a second.");
  }
}

}  // namespace ctclip
