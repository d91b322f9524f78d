#include "server/listener.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "server/reply.h"
#include "server/transport.h"
#include "server/wire.h"

namespace ctclip {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kGoodbye{5};

/// The first address of the host's that can be bound.
tcp::acceptor listen(asio::io_context& context, const std::string& host, uint16_t port) {
  error_code error;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(
      host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (!error && found.empty()) error = asio::error::host_not_found;
  for (const auto& candidate : found) {
    tcp::acceptor acceptor(context);
    const tcp::endpoint endpoint = candidate.endpoint();
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (!error) return acceptor;
  }
  throw Error(Code::usage, "Cannot listen on " + host + " port " + std::to_string(port) + ": " +
                               error.message() + ".");
}

/// Tells a client why there is no connection for it; without a reply, it is only closed.
asio::awaitable<void> refuse_connection(tcp::socket socket, std::optional<Reply> reply) {
  Transport stream(std::move(socket), nullptr);
  stream.expires_after(kGoodbye);
  if (reply) {
    add_security_headers(*reply, false);
    auto message = to_http(*std::move(reply), 11, false, false);
    const auto [failed, count] = co_await boost::beast::async_write(
        stream, std::move(message), asio::as_tuple(asio::use_awaitable));
    if (failed) co_return;
  }
  co_await stream.end_sending();
  while (!co_await stream.discard_some()) continue;
}

}  // namespace

Listener::Listener(asio::io_context& context, Service& service)
    : context_(context),
      service_(service),
      acceptor_(listen(context, service.options.host, service.options.port)) {}

void Listener::start() { asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached); }

asio::awaitable<void> Listener::accept() {
  for (;;) {
    const asio::any_io_executor strand = asio::make_strand(context_.get_executor());
    auto [error, socket] =
        co_await acceptor_.async_accept(strand, asio::as_tuple(asio::use_awaitable));
    if (!error) {
      serve(std::move(socket));
      continue;
    }
    if (error == asio::error::operation_aborted) co_return;
    // Out of descriptors, most likely: some will come back.
    log().warn("a connection could not be accepted: {}", error.message());
    asio::steady_timer pause(context_, std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

void Listener::serve(tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const asio::any_io_executor strand = socket.get_executor();
  const tcp::endpoint other = socket.remote_endpoint(ignored);
  Peer peer = peer_of(other.address());
  auto slot = service_.client_connections.take(peer.client);
  const bool full =
      service_.connections.size() >= static_cast<std::size_t>(service_.options.connections);
  if (!slot) {
    refuse(std::move(socket), Error(Code::client_limit,
                                    "Too many connections of this address are "
                                    "open; close some."));
  } else if (full && !service_.connections.drop_idlest()) {
    refuse(std::move(socket),
           Error(Code::too_many_connections, "Too many connections are open; try again later."));
  } else {
    asio::co_spawn(
        strand, serve_connection({std::move(socket), std::move(peer), *std::move(slot)}, service_),
        asio::detached);
  }
}

// Under TLS nothing is said: a handshake is more work than what is refused.
void Listener::refuse(tcp::socket socket, const Error& why) {
  const asio::any_io_executor strand = socket.get_executor();
  std::optional<Reply> reply;
  if (service_.tls == nullptr) reply = failure_reply(why, 0, kGoodbye);
  asio::co_spawn(strand, refuse_connection(std::move(socket), std::move(reply)), asio::detached);
}

}  // namespace ctclip
