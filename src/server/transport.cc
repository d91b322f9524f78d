#include "server/transport.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace ctclip {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

}  // namespace

Transport::Transport(asio::ip::tcp::socket socket, std::shared_ptr<asio::ssl::context> context)
    : tcp_(std::move(socket)), context_(std::move(context)) {
  if (context_) tls_.emplace(tcp_, *context_);
}

asio::awaitable<error_code> Transport::handshake() {
  if (!tls_) co_return error_code();
  const auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kNoThrow);
  co_return error;
}

// Of TLS' own farewell only the sending matters: what a client still sends ends the waiting for its
// reply.
asio::awaitable<void> Transport::end_sending() {
  if (tls_) {
    co_await tls_->async_shutdown(kNoThrow);
  }
  error_code ignored;
  tcp_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

asio::awaitable<error_code> Transport::discard_some() {
  std::array<char, 16 << 10> scratch;
  const auto [error, count] = co_await tcp_.async_read_some(asio::buffer(scratch), kNoThrow);
  co_return error;
}

}  // namespace ctclip
