#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <memory>

#include "server/connections.h"
#include "server/jobs.h"
#include "server/server.h"
#include "server/spool.h"
#include "server/studies.h"

namespace ctclip {

/// What all connections share. Outlives them.
struct Service {
  const ServerOptions& options;
  Spool& spool;
  Jobs& jobs;
  history::Store& store;
  Studies& studies;
  Connections& connections;
  boost::asio::thread_pool& disk;  ///< whatever may wait for a disk runs here, never on io threads
  std::atomic<bool> stopping = false;
  std::atomic<uint64_t> requests = 0;
};

/// Serves one connection, a request after another, until it ends: a coroutine on a strand of its
/// own, so that a slow client costs no thread.
boost::asio::awaitable<void> serve_connection(boost::asio::ip::tcp::socket socket,
                                              Service& service);

/// Tells a client that there is no connection left for it.
boost::asio::awaitable<void> refuse_connection(boost::asio::ip::tcp::socket socket);

}  // namespace ctclip
