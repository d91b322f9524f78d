#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/pickle.h"

namespace ctclip::pickle {

/// What opcodes read behind themselves, counted against the policy's limit as it comes.
class OpcodeInput {
 public:
  OpcodeInput(ByteInput& input, const Policy& policy)
      : in_(input), policy_(policy), begin_(input.position()) {}

  /// The next opcode. Messages name its place from now on.
  uint8_t opcode();
  /// Little-endian, of 1 to 8 bytes.
  uint64_t unsigned_integer(std::size_t bytes);
  std::string take(uint64_t length);
  /// Up to a line feed, which is not part of it.
  std::string line();
  uint64_t remaining() const { return in_.remaining(); }
  ByteInput& bytes() { return in_; }
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  ByteInput& in_;
  const Policy& policy_;
  uint64_t begin_;
  uint64_t opcode_at_ = 0;
};

/// The value of an opcode that makes a number, a bool, a text or bytes; nothing for other opcodes,
/// of which nothing is read then.
std::optional<Value> read_scalar(uint8_t opcode, OpcodeInput& input);

}  // namespace ctclip::pickle
