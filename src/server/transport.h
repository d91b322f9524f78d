#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace ctclip {

/// A connection's bytes, plain or under TLS: the stream that Asio and Beast read and write, so that
/// there is one session for both. Used on the connection's strand.
class Transport {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  /// No context: plain.
  Transport(boost::asio::ip::tcp::socket socket,
            std::shared_ptr<boost::asio::ssl::context> context);

  executor_type get_executor() { return tcp_.get_executor(); }
  bool secure() const { return tls_.has_value(); }
  boost::asio::ip::tcp::socket& socket() { return tcp_.socket(); }
  /// For every operation that begins from now on; after it, the connection is closed.
  void expires_after(std::chrono::nanoseconds time) { tcp_.expires_after(time); }
  void cancel() { tcp_.cancel(); }
  void close() { tcp_.close(); }

  /// Nothing to do for a plain one.
  boost::asio::awaitable<boost::system::error_code> handshake();
  /// Tells the client that nothing more will come, as it was spoken to.
  boost::asio::awaitable<void> end_sending();
  /// Bytes as they come, behind the end: there to be thrown away.
  boost::asio::awaitable<boost::system::error_code> discard_some();

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          if (tls_) {
            tls_->async_read_some(into, std::move(handler));
          } else {
            tcp_.async_read_some(into, std::move(handler));
          }
        },
        token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          if (tls_) {
            tls_->async_write_some(from, std::move(handler));
          } else {
            tcp_.async_write_some(from, std::move(handler));
          }
        },
        token, buffers);
  }

 private:
  boost::beast::tcp_stream tcp_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
};

}  // namespace ctclip
