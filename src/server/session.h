#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "server/access.h"
#include "server/connections.h"
#include "server/jobs.h"
#include "server/metrics.h"
#include "server/peer.h"
#include "server/security_headers.h"
#include "server/server.h"
#include "server/spool.h"
#include "server/studies.h"
#include "server/tls.h"
#include "server/trusted_proxies.h"

namespace ctclip {

/// What all connections share. Outlives them.
struct Service {
  const ServerOptions& options;
  Spool& spool;
  Jobs& jobs;
  history::Store& store;
  Studies& studies;
  Connections& connections;
  Metrics& metrics;
  boost::asio::thread_pool& disk;  ///< whatever may wait for a disk runs here, never on io threads
  Gate& gate;
  Quota& client_connections;
  Quota& client_studies;
  const Cors& cors;
  const TrustedProxies& proxies;
  Tls* tls;  ///< none: plain HTTP
  std::atomic<bool> stopping = false;
};

/// A connection that was taken.
struct Accepted {
  boost::asio::ip::tcp::socket socket;
  boost::asio::ip::address address;  ///< of the other end
  Quota::Slot slot;
};

/// Serves one connection, a request after another, until it ends: a coroutine on a strand of its
/// own, so that a slow client costs no thread.
boost::asio::awaitable<void> serve_connection(Accepted accepted, Service& service);

}  // namespace ctclip
