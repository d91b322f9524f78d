#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ctclip::testing {

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  nlohmann::ordered_json json() const { return nlohmann::ordered_json::parse(body); }
  std::string error_code() const { return json().at("error_code"); }
};

/// A client that can misbehave: it sends the bytes it is told to, when it is told to.
class HttpClient {
 public:
  explicit HttpClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close();
    }
  }
  ~HttpClient() { close(); }
  HttpClient(HttpClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), buffer_(std::move(other.buffer_)) {}
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool connected() const { return socket_ >= 0; }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  /// Ends with a reset rather than an orderly close.
  void reset() {
    const linger now{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

  /// False where the server no longer takes it.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next answer; status 0 where the connection ends, or nothing comes for half a minute.
  HttpResponse receive(bool has_body = true) {
    HttpResponse response;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return response;
    }
    std::string_view head = std::string_view(buffer_).substr(0, end);
    response.status = std::stoi(std::string(head.substr(9, 3)));
    while (!head.empty()) {
      const std::size_t line_end = std::min(head.find("\r\n"), head.size());
      const std::string_view line = head.substr(0, line_end);
      head.remove_prefix(std::min(line_end + 2, head.size()));
      const std::size_t colon = line.find(": ");
      if (colon == std::string_view::npos) continue;
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(), ::tolower);
      response.headers[name] = line.substr(colon + 2);
    }
    buffer_.erase(0, end + 4);
    const auto length = response.headers.find("content-length");
    if (!has_body || length == response.headers.end()) return response;
    const std::size_t size = std::stoul(length->second);
    while (buffer_.size() < size) {
      if (!more()) return {};
    }
    response.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return response;
  }

  /// Everything that comes until the server ends the connection.
  std::string rest() {
    while (more()) continue;
    return std::exchange(buffer_, {});
  }
  /// True where the server ends the connection within half a minute, whatever it sends before.
  bool ends() {
    while (more()) buffer_.clear();
    return ended_;
  }
  /// Whether anything, or the end, has come by then.
  bool anything_within(int milliseconds) {
    pollfd asked{socket_, POLLIN, 0};
    return !buffer_.empty() || poll(&asked, 1, milliseconds) > 0;
  }

 private:
  bool more() {
    pollfd asked{socket_, POLLIN, 0};
    if (poll(&asked, 1, 30'000) <= 0) return false;
    char bytes[65536];
    const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
    ended_ = count <= 0;
    if (!ended_) buffer_.append(bytes, static_cast<std::size_t>(count));
    return !ended_;
  }

  int socket_;
  std::string buffer_;
  bool ended_ = false;
};

}  // namespace ctclip::testing
