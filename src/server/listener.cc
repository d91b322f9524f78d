#include "server/listener.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "server/reply.h"
#include "server/request_id.h"
#include "server/transport.h"
#include "server/wire.h"

namespace ctclip {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

using asio::experimental::awaitable_operators::operator||;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kGoodbye{5};
constexpr std::chrono::milliseconds kPatience{500};  ///< for the request of a client to be refused

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

Error refusal(Code why) {
  if (why == Code::client_limit) {
    return {why, "Too many connections of this address are open; close some."};
  }
  return {why, "Too many connections are open; try again later."};
}

/// Who is refused, by the request that usually comes at once. Nothing is owed to a client that is
/// silent or slow: it is told in English.
asio::awaitable<Asker> asker_behind(Transport& stream, std::size_t header_limit) {
  Parser parser;
  asio::steady_timer patience(stream.get_executor(), kPatience);
  co_await (stream.socket().async_wait(tcp::socket::wait_read, kNoThrow) ||
            patience.async_wait(kNoThrow));
  error_code error;
  std::string begun(std::min(stream.socket().available(error), header_limit), '\0');
  if (!begun.empty()) {
    begun.resize(stream.socket().read_some(asio::buffer(begun), error));
    parser.put(asio::buffer(begun), error);
  }
  co_return asker_of(parser.get());
}

asio::awaitable<bool> say(Transport& stream, Code why, std::size_t header_limit) {
  const Asker asker = co_await asker_behind(stream, header_limit);
  Reply reply = failure_reply(refusal(why), 0, kGoodbye, asker);
  reply.headers.emplace_back(kRequestIdHeader, asker.request_id);
  add_security_headers(reply, false);
  stream.expires_after(kGoodbye);
  const auto [error, count] = co_await boost::beast::async_write(
      stream, to_http(std::move(reply), 11, false, false), kNoThrow);
  co_return !error;
}

/// Tells a client why there is no connection for it. Under TLS it is only closed: a handshake is
/// more work than what is refused.
asio::awaitable<void> refuse_connection(tcp::socket socket, Service& service, Code why) {
  Transport stream(std::move(socket), nullptr);
  stream.expires_after(kGoodbye);
  const bool silent = service.tls != nullptr;
  if (!silent && !co_await say(stream, why, service.options.header_bytes)) co_return;
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
  auto slot = service_.client_connections.take(service_.proxies.peer_of(other.address()).client);
  const bool full =
      service_.connections.size() >= static_cast<std::size_t>(service_.options.connections);
  if (!slot) {
    refuse(std::move(socket), Code::client_limit);
  } else if (full && !service_.connections.drop_idlest()) {
    refuse(std::move(socket), Code::too_many_connections);
  } else {
    asio::co_spawn(
        strand, serve_connection({std::move(socket), other.address(), *std::move(slot)}, service_),
        asio::detached);
  }
}

void Listener::refuse(tcp::socket socket, Code why) {
  service_.metrics.failed(why);
  const asio::any_io_executor strand = socket.get_executor();
  asio::co_spawn(strand, refuse_connection(std::move(socket), service_, why), asio::detached);
}

}  // namespace ctclip
