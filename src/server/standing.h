#pragma once

#include <optional>

#include "base/error.h"
#include "server/metrics.h"
#include "server/reply.h"

namespace ctclip {

struct Service;

// What holds of the service now. May wait for a disk: never called on io threads.

/// Why a study that came now would be refused for a while: starting, shutting_down, disk_full. A
/// full queue is no such reason: it passes by itself, and its answer says when.
std::optional<Code> unready_reason(const Service& service);

Standing standing_of(const Service& service);

/// GET /ready: 200, or 503 with the reason.
Reply readiness(const Service& service);
/// GET /metrics.
Reply metrics_reply(const Service& service);

}  // namespace ctclip
