#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "server/event_stream.h"
#include "server/identity.h"
#include "server/metrics.h"
#include "server/peer.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/security_headers.h"
#include "server/trusted_proxies.h"
#include "server/wire.h"

namespace ctclip {

/// What is known of a request while it is served.
struct Exchange {
  using Clock = std::chrono::steady_clock;

  Parser parser;
  Asker asker;
  Clock::time_point began = Clock::now();
  Route route = Route::unknown;
  Peer peer;  ///< who sent it
  Identity identity;
  history::Viewer viewer;
  std::optional<EventStream> events;  ///< what follows the answer, until the connection ends
  uint64_t received = 0;              ///< bytes of its body

  double seconds() const { return std::chrono::duration<double>(Clock::now() - began).count(); }
};

/// The answer to a browser's question beforehand, where this is one of an allowed origin.
std::optional<Reply> preflight(const Exchange& exchange, const Cors& cors);
/// A failure, with what the client needs to do better.
Reply failure_of(const Exchange& exchange, const Error& error, const Jobs& jobs);
/// Adds the headers that every answer has, whatever it says. `secure`: it goes over TLS.
void dress(const Exchange& exchange, const Cors& cors, bool secure, Reply& reply);
/// What it says of the proxies that it came through.
ForwardedHeaders forwarded_headers(const Header& header);
/// Counts and logs a request that has been served.
void note_served(const Exchange& exchange, int status, std::size_t sent, Metrics& metrics);

}  // namespace ctclip
