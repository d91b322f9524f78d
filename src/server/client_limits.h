#pragma once

#include <cstdint>

#include "server/identity.h"
#include "server/peer.h"
#include "server/server.h"

namespace ctclip {

/// A client's share of the studies, by its key, or by its address where it needs none. Throws
/// Error{client_limit}.
Quota::Slot take_turn(Quota& studies, const Identity& identity, const Peer& peer);

/// A client that trickles must not hold its place, its disk space and its connection for days:
/// `received` bytes of an upload within `seconds` of its request's header. Throws
/// Error{upload_too_slow}.
void require_speed(const ServerOptions& options, uint64_t received, double seconds);

}  // namespace ctclip
