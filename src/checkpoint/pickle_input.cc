#include "checkpoint/pickle_input.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <span>
#include <utility>

namespace ctclip::pickle {
namespace {

constexpr std::size_t kMaxLine = 65536;

Value text_value(Kind kind, std::string text) {
  Value value;
  value.kind = kind;
  value.text = std::move(text);
  return value;
}

Value integer_value(Kind kind, uint64_t number) {
  Value value;
  value.kind = kind;
  value.integer = static_cast<int64_t>(number);
  return value;
}

Value real_value(double number) {
  Value value;
  value.kind = Kind::real;
  value.real = number;
  return value;
}

/// Two's complement of any length.
Value long_value(std::string bytes) {
  if (bytes.size() > 8) return text_value(Kind::big_integer, std::move(bytes));
  uint64_t bits = little_endian(std::as_bytes(std::span(bytes)));
  const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80U) != 0;
  if (negative && bytes.size() < 8) bits |= ~uint64_t{0} << (8 * bytes.size());
  return integer_value(Kind::integer, bits);
}

template <typename Number>
Number parse(const std::string& digits, const char* expected, const OpcodeInput& input) {
  Number number{};
  const char* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, number);
  if (failure != std::errc{} || stop != end) {
    input.refuse("holds '" + quotable(digits) + "' where " + expected + " is expected");
  }
  return number;
}

Value decimal_value(std::string digits, const OpcodeInput& input) {
  if (digits == "00" || digits == "01") {  // how protocol 0 writes a bool
    return integer_value(Kind::boolean, digits == "01" ? 1 : 0);
  }
  if (!digits.empty() && digits.back() == 'L') digits.pop_back();
  const auto number = parse<int64_t>(digits, "an int of 64 bits", input);
  return integer_value(Kind::integer, static_cast<uint64_t>(number));
}

double big_endian_real(OpcodeInput& input) {
  uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = (bits << 8U) | input.unsigned_integer(1);
  return std::bit_cast<double>(bits);
}

std::string unquoted(const std::string& quoted, const OpcodeInput& input) {
  if (quoted.size() < 2) input.refuse("holds a string without quotes");
  return quoted.substr(1, quoted.size() - 2);
}

std::optional<Value> read_number(uint8_t opcode, OpcodeInput& input) {
  switch (opcode) {
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      return integer_value(Kind::boolean, opcode == 0x88 ? 1 : 0);
    case 'J': {  // BININT, the only signed one
      const auto number = static_cast<int32_t>(input.unsigned_integer(4));
      return integer_value(Kind::integer, static_cast<uint64_t>(int64_t{number}));
    }
    case 'K':  // BININT1
    case 'M':  // BININT2
      return integer_value(Kind::integer, input.unsigned_integer(opcode == 'K' ? 1 : 2));
    case 0x8a:  // LONG1
    case 0x8b:  // LONG4
      return long_value(input.take(input.unsigned_integer(opcode == 0x8a ? 1 : 4)));
    case 'I':  // INT
    case 'L':  // LONG
      return decimal_value(input.line(), input);
    case 'F':  // FLOAT
      return real_value(parse<double>(input.line(), "a float", input));
    case 'G':  // BINFLOAT
      return real_value(big_endian_real(input));
    default:
      return std::nullopt;
  }
}

std::optional<Value> read_text(uint8_t opcode, OpcodeInput& input) {
  switch (opcode) {
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING, Python 2's str
      return text_value(Kind::text, input.take(input.unsigned_integer(1)));
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING
      return text_value(Kind::text, input.take(input.unsigned_integer(4)));
    case 0x8d:  // BINUNICODE8
      return text_value(Kind::text, input.take(input.unsigned_integer(8)));
    case 'C':  // SHORT_BINBYTES
      return text_value(Kind::bytes, input.take(input.unsigned_integer(1)));
    case 'B':  // BINBYTES
      return text_value(Kind::bytes, input.take(input.unsigned_integer(4)));
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      return text_value(Kind::bytes, input.take(input.unsigned_integer(8)));
    case 'V':  // UNICODE: escapes are kept as they are
      return text_value(Kind::text, input.line());
    case 'S':  // STRING
      return text_value(Kind::text, unquoted(input.line(), input));
    default:
      return std::nullopt;
  }
}

}  // namespace

uint8_t OpcodeInput::opcode() {
  opcode_at_ = in_.position();
  if (opcode_at_ - begin_ > policy_.max_bytes) refuse("is longer than any model's pickle");
  return in_.byte();
}

uint64_t OpcodeInput::unsigned_integer(std::size_t bytes) {
  std::array<std::byte, 8> raw{};
  in_.read(std::span(raw).first(bytes));
  return little_endian(raw);
}

std::string OpcodeInput::take(uint64_t length) {
  const uint64_t used = in_.position() - begin_;
  if (length > policy_.max_bytes || used > policy_.max_bytes - length) {
    refuse(fmt::format("holds a string of {} bytes, expected {} in all at most", length,
                       policy_.max_bytes));
  }
  if (length > in_.remaining()) {
    refuse(fmt::format("holds a string of {} bytes where {} are left: the file is cut or damaged",
                       length, in_.remaining()));
  }
  std::string result(length, '\0');
  in_.read(std::as_writable_bytes(std::span(result)));
  return result;
}

std::string OpcodeInput::line() {
  std::string result;
  for (uint8_t c = in_.byte(); c != '\n'; c = in_.byte()) {
    result.push_back(static_cast<char>(c));
    if (result.size() > kMaxLine) refuse("holds a line without end");
  }
  if (!result.empty() && result.back() == '\r') result.pop_back();
  return result;
}

void OpcodeInput::refuse(const std::string& what) const {
  in_.refuse(fmt::format("the pickle {} (at byte {})", what, opcode_at_));
}

std::optional<Value> read_scalar(uint8_t opcode, OpcodeInput& input) {
  auto value = read_number(opcode, input);
  return value ? std::move(value) : read_text(opcode, input);
}

}  // namespace ctclip::pickle
