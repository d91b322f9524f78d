#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

#include "server/session.h"

namespace ctclip {

/// Takes connections and keeps to their limit. A new one is never lost to idle ones: the one that
/// has been idle longest makes room, and only where all are at work is the new one refused.
class Listener {
 public:
  /// Binds and listens. Throws Error{usage}: the address and why not.
  Listener(boost::asio::io_context& context, Service& service);

  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  bool on_loopback() const { return acceptor_.local_endpoint().address().is_loopback(); }
  /// Accepts on the context's threads until the context stops.
  void start();

 private:
  boost::asio::awaitable<void> accept();
  void serve(boost::asio::ip::tcp::socket socket);
  void refuse(boost::asio::ip::tcp::socket socket, Code why);

  boost::asio::io_context& context_;
  Service& service_;
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace ctclip
