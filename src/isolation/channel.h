#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "isolation/messages.h"

namespace ctclip::isolation {

struct Frame {
  Kind kind = Kind::unexpected;
  std::string payload;
};

/// Writes a whole frame. False where nobody reads any more, or where it is longer than
/// kLongestFrame.
bool send(int socket, Kind kind, const std::string& payload);

/// Frames from a socket, one after another, never more than one ahead in memory. For one thread.
class Inbox {
 public:
  enum class State { frame, silent, ended };

  explicit Inbox(int socket) : socket_(socket) {}

  /// Waits until a frame is whole (it is then in `frame`), until `patience` is over, or until the
  /// other side has gone. Throws Malformed for a frame that is too long or of no kind.
  State wait(std::chrono::milliseconds patience, Frame& frame);

 private:
  bool take(Frame& frame);

  int socket_;
  std::string buffer_;
};

}  // namespace ctclip::isolation
