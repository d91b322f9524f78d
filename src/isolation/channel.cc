#include "isolation/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace ctclip::isolation {
namespace {

constexpr std::size_t kHeader = 5;  ///< kind, length

bool write_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

bool send(int socket, Kind kind, const std::string& payload) {
  if (payload.size() > kLongestFrame) return false;
  std::string header(1, static_cast<char>(kind));
  const auto length = static_cast<uint32_t>(payload.size());
  header.append(reinterpret_cast<const char*>(&length), sizeof(length));
  return write_all(socket, header + payload);
}

bool Inbox::take(Frame& frame) {
  if (buffer_.size() < kHeader) return false;
  const auto kind = static_cast<uint8_t>(buffer_[0]);
  uint32_t length = 0;
  std::memcpy(&length, buffer_.data() + 1, sizeof(length));
  if (kind > static_cast<uint8_t>(Kind::unexpected)) throw Malformed("a frame of no kind");
  if (length > kLongestFrame) throw Malformed("a frame that is too long");
  if (buffer_.size() < kHeader + length) return false;
  frame.kind = static_cast<Kind>(kind);
  frame.payload = buffer_.substr(kHeader, length);
  buffer_.erase(0, kHeader + length);
  return true;
}

Inbox::State Inbox::wait(std::chrono::milliseconds patience, Frame& frame) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  while (!take(frame)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{socket_, POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return State::silent;
    std::array<char, 1 << 16> bytes;
    const ssize_t got = read(socket_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return State::ended;
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  }
  return State::frame;
}

}  // namespace ctclip::isolation
