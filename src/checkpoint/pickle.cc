#include "checkpoint/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>

namespace ctclip::pickle {
namespace {

/// Open MARKs at once: CPython's pickler opens one for each level of nesting.
constexpr std::size_t kMaxMarks = 65536;
constexpr std::size_t kMaxLine = 65536;
constexpr uint8_t kStop = '.';
constexpr uint8_t kNewestProtocol = 5;

bool is_container(Kind kind) {
  return kind == Kind::dict || kind == Kind::object || kind == Kind::list || kind == Kind::set;
}

class Machine {
 public:
  Machine(Document& document, ByteInput& input, const Policy& policy)
      : doc_(document), in_(input), policy_(policy), begin_(input.position()) {}

  Ref run() {
    while (true) {
      opcode_at_ = in_.position();
      if (opcode_at_ - begin_ > policy_.max_bytes) refuse("is longer than any model's pickle");
      const uint8_t opcode = in_.byte();
      if (opcode == kStop) break;
      const bool known = number(opcode) || text(opcode) || container(opcode) || mutation(opcode) ||
                         stack_or_memo(opcode) || call(opcode) || framing(opcode);
      if (!known) refuse(fmt::format("holds the unknown opcode 0x{:02x}", opcode));
    }
    const Ref result = pop();
    if (!stack_.empty() || !marks_.empty()) refuse("ends with values left over");
    return result;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    in_.refuse(fmt::format("the pickle {} (at byte {})", what, opcode_at_));
  }

  // Input.

  uint64_t unsigned_integer(std::size_t bytes) {
    std::array<std::byte, 8> raw{};
    in_.read(std::span(raw).first(bytes));
    return little_endian(raw);
  }

  std::string take(uint64_t length) {
    if (length > policy_.max_bytes || in_.position() - begin_ > policy_.max_bytes - length) {
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

  std::string line() {
    std::string result;
    for (uint8_t c = in_.byte(); c != '\n'; c = in_.byte()) {
      result.push_back(static_cast<char>(c));
      if (result.size() > kMaxLine) refuse("holds a line without end");
    }
    if (!result.empty() && result.back() == '\r') result.pop_back();
    return result;
  }

  // Values and the stack. What lies below the last MARK belongs to whoever set the mark.

  Ref add(Value value) {
    if (doc_.size() >= policy_.max_values) {
      refuse(fmt::format("holds more than {} values", policy_.max_values));
    }
    return doc_.add(std::move(value));
  }
  void push(Value value) { stack_.push_back(add(std::move(value))); }
  void push_text(Kind kind, std::string text) {
    Value value;
    value.kind = kind;
    value.text = std::move(text);
    push(std::move(value));
  }
  void push_integer(Kind kind, int64_t number) {
    Value value;
    value.kind = kind;
    value.integer = number;
    push(std::move(value));
  }
  void push_real(double number) {
    Value value;
    value.kind = Kind::real;
    value.real = number;
    push(std::move(value));
  }
  void push_items(Kind kind, std::vector<Ref> items) {
    if (kind == Kind::dict && items.size() % 2 != 0) refuse("holds a dict with a key but no value");
    Value value;
    value.kind = kind;
    value.items = std::move(items);
    push(std::move(value));
  }

  Ref pop() {
    const Ref top_value = top();
    stack_.pop_back();
    return top_value;
  }
  Ref top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
      refuse("takes a value that is not there");
    return stack_.back();
  }
  std::vector<Ref> pop_mark() {
    if (marks_.empty()) refuse("takes a mark that is not there");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Ref> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<Ref> pop_last(std::size_t count) {
    std::vector<Ref> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  // Opcodes, by what they do. Each function says whether the opcode was one of its own.

  bool number(uint8_t opcode) {
    switch (opcode) {
      case 'N':  // NONE
        stack_.push_back(0);
        return true;
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        push_integer(Kind::boolean, opcode == 0x88 ? 1 : 0);
        return true;
      case 'J':  // BININT, the only signed one
        push_integer(Kind::integer, static_cast<int32_t>(unsigned_integer(4)));
        return true;
      case 'K':  // BININT1
        push_integer(Kind::integer, static_cast<int64_t>(unsigned_integer(1)));
        return true;
      case 'M':  // BININT2
        push_integer(Kind::integer, static_cast<int64_t>(unsigned_integer(2)));
        return true;
      case 0x8a:  // LONG1
        push_long(take(unsigned_integer(1)));
        return true;
      case 0x8b:  // LONG4
        push_long(take(unsigned_integer(4)));
        return true;
      case 'I':  // INT
      case 'L':  // LONG
        push_decimal(line());
        return true;
      case 'F':  // FLOAT
        push_real_line(line());
        return true;
      case 'G': {  // BINFLOAT, big-endian
        uint64_t bits = 0;
        for (int i = 0; i < 8; ++i) bits = (bits << 8U) | in_.byte();
        push_real(std::bit_cast<double>(bits));
        return true;
      }
      default:
        return false;
    }
  }

  void push_long(std::string bytes) {
    if (bytes.size() > 8) return push_text(Kind::big_integer, std::move(bytes));
    uint64_t bits = little_endian(std::as_bytes(std::span(bytes)));
    const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80U) != 0;
    if (negative && bytes.size() < 8) bits |= ~uint64_t{0} << (8 * bytes.size());
    push_integer(Kind::integer, static_cast<int64_t>(bits));
  }

  void push_decimal(std::string digits) {
    if (digits == "00" || digits == "01") {  // how protocol 0 writes a bool
      return push_integer(Kind::boolean, digits == "01" ? 1 : 0);
    }
    if (!digits.empty() && digits.back() == 'L') digits.pop_back();
    int64_t number = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, failure] = std::from_chars(digits.data(), end, number);
    if (failure != std::errc{} || stop != end) {
      refuse("holds '" + quotable(digits) + "' where an int of 64 bits is expected");
    }
    push_integer(Kind::integer, number);
  }

  void push_real_line(const std::string& digits) {
    double number = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, failure] = std::from_chars(digits.data(), end, number);
    if (failure != std::errc{} || stop != end) {
      refuse("holds '" + quotable(digits) + "' where a float is expected");
    }
    push_real(number);
  }

  bool text(uint8_t opcode) {
    switch (opcode) {
      case 0x8c:  // SHORT_BINUNICODE
      case 'U':   // SHORT_BINSTRING, Python 2's str
        push_text(Kind::text, take(unsigned_integer(1)));
        return true;
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
        push_text(Kind::text, take(unsigned_integer(4)));
        return true;
      case 0x8d:  // BINUNICODE8
        push_text(Kind::text, take(unsigned_integer(8)));
        return true;
      case 'C':  // SHORT_BINBYTES
        push_text(Kind::bytes, take(unsigned_integer(1)));
        return true;
      case 'B':  // BINBYTES
        push_text(Kind::bytes, take(unsigned_integer(4)));
        return true;
      case 0x8e:  // BINBYTES8
      case 0x96:  // BYTEARRAY8
        push_text(Kind::bytes, take(unsigned_integer(8)));
        return true;
      case 'V':  // UNICODE: escapes are kept as they are
        push_text(Kind::text, line());
        return true;
      case 'S': {  // STRING, in quotes
        const std::string quoted = line();
        if (quoted.size() < 2) refuse("holds a string without quotes");
        push_text(Kind::text, quoted.substr(1, quoted.size() - 2));
        return true;
      }
      default:
        return false;
    }
  }

  bool container(uint8_t opcode) {
    switch (opcode) {
      case ']':  // EMPTY_LIST
      case ')':  // EMPTY_TUPLE
      case '}':  // EMPTY_DICT
        push_items(opcode == ']' ? Kind::list : opcode == ')' ? Kind::tuple : Kind::dict, {});
        return true;
      case 0x8f:  // EMPTY_SET
        push_items(Kind::set, {});
        return true;
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        push_items(Kind::tuple, pop_last(opcode - 0x84U));
        return true;
      case 't':  // TUPLE
        push_items(Kind::tuple, pop_mark());
        return true;
      case 'l':  // LIST
        push_items(Kind::list, pop_mark());
        return true;
      case 'd':  // DICT
        push_items(Kind::dict, pop_mark());
        return true;
      case 0x91:  // FROZENSET
        push_items(Kind::set, pop_mark());
        return true;
      default:
        return false;
    }
  }

  bool mutation(uint8_t opcode) {
    switch (opcode) {
      case 'a':  // APPEND
        extend(pop_last(1));
        return true;
      case 'e':   // APPENDS
      case 0x90:  // ADDITEMS
        extend(pop_mark());
        return true;
      case 's':  // SETITEM
        set_items(pop_last(2));
        return true;
      case 'u':  // SETITEMS
        set_items(pop_mark());
        return true;
      case 'b':  // BUILD
        build();
        return true;
      default:
        return false;
    }
  }

  void extend(const std::vector<Ref>& items) {
    Value& value = doc_[top()];
    if (!is_container(value.kind) || value.kind == Kind::dict) {
      refuse("appends to " + doc_.describe(top()));
    }
    value.items.insert(value.items.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<Ref>& items) {
    Value& value = doc_[top()];
    if (value.kind != Kind::dict && value.kind != Kind::object) {
      refuse("sets a key of " + doc_.describe(top()));
    }
    if (items.size() % 2 != 0) refuse("sets a key without a value");
    value.items.insert(value.items.end(), items.begin(), items.end());
  }

  void build() {
    const Ref state = pop();
    if (!is_container(doc_[top()].kind)) refuse("sets the state of " + doc_.describe(top()));
    doc_[top()].state = state;
    if (policy_.built) policy_.built(doc_, top(), in_);
  }

  bool stack_or_memo(uint8_t opcode) {
    switch (opcode) {
      case '(':  // MARK
        if (marks_.size() >= kMaxMarks) refuse("is nested too deeply");
        marks_.push_back(stack_.size());
        return true;
      case '0':  // POP, of a mark too
        if (!marks_.empty() && marks_.back() == stack_.size())
          marks_.pop_back();
        else
          pop();
        return true;
      case '1':  // POP_MARK
        pop_mark();
        return true;
      case '2':  // DUP
        stack_.push_back(top());
        return true;
      case 'q':  // BINPUT
      case 'r':  // LONG_BINPUT
        memoise(unsigned_integer(opcode == 'q' ? 1 : 4));
        return true;
      case 0x94:  // MEMOIZE
        memoise(memo_.size());
        return true;
      case 'p':  // PUT
        memoise(line_index());
        return true;
      case 'h':  // BINGET
      case 'j':  // LONG_BINGET
        recall(unsigned_integer(opcode == 'h' ? 1 : 4));
        return true;
      case 'g':  // GET
        recall(line_index());
        return true;
      default:
        return false;
    }
  }

  uint64_t line_index() {
    const std::string digits = line();
    uint64_t index = 0;
    const char* end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, index).ptr != end || digits.empty()) {
      refuse("holds '" + quotable(digits) + "' where a memo's number is expected");
    }
    return index;
  }

  void memoise(uint64_t index) {
    // Picklers number their memos one by one; a far one would only waste memory.
    if (index >= policy_.max_values) refuse(fmt::format("uses the memo {}", index));
    if (index >= memo_.size()) memo_.resize(index + 1, kUnset);
    memo_[index] = top();
  }

  void recall(uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kUnset) {
      refuse(fmt::format("takes the memo {} that was never set", index));
    }
    stack_.push_back(memo_[index]);
  }

  bool call(uint8_t opcode) {
    switch (opcode) {
      case 'c': {  // GLOBAL
        const std::string module = line();
        push_global(module, line());
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        const std::vector<Ref> names = pop_last(2);
        if (doc_[names[0]].kind != Kind::text || doc_[names[1]].kind != Kind::text) {
          refuse("names a class by " + doc_.describe(names[0]) + " and " + doc_.describe(names[1]));
        }
        push_global(doc_[names[0]].text, doc_[names[1]].text);
        return true;
      }
      case 'R':     // REDUCE
      case 0x81: {  // NEWOBJ
        const std::vector<Ref> call = pop_last(2);
        push_object(call[0], call[1]);
        return true;
      }
      case 0x92: {  // NEWOBJ_EX: keyword arguments tell us nothing
        const std::vector<Ref> call = pop_last(3);
        push_object(call[0], call[1]);
        return true;
      }
      case 'i': {  // INST
        const std::string module = line();
        push_global(module, line());
        const Ref callable = pop();
        push_items(Kind::tuple, pop_mark());
        push_object(callable, pop());
        return true;
      }
      case 'o': {  // OBJ
        std::vector<Ref> call = pop_mark();
        if (call.empty()) refuse("makes an object of nothing");
        push_items(Kind::tuple, {call.begin() + 1, call.end()});
        push_object(call.front(), pop());
        return true;
      }
      case 'Q':    // BINPERSID
      case 'P': {  // PERSID
        if (opcode == 'P') push_text(Kind::text, line());
        Value value;
        value.kind = Kind::persistent;
        value.arguments = pop();
        push(std::move(value));
        return true;
      }
      default:
        return false;
    }
  }

  void push_global(const std::string& module, const std::string& name) {
    const std::string full = module + "." + name;
    if (is_dangerous(module, name)) {
      refuse("wants to run " + quotable(full) + ": no model needs that, and nothing of it was run");
    }
    push_text(Kind::global, full);
  }

  void push_object(Ref callable, Ref arguments) {
    if (doc_[arguments].kind != Kind::tuple) {
      refuse("calls with " + doc_.describe(arguments) + " in place of a tuple");
    }
    const Value& target = doc_[callable];
    if (policy_.may_call) {
      if (target.kind != Kind::global) refuse("calls " + doc_.describe(callable));
      if (!policy_.may_call(target.text)) {
        refuse("makes a " + quotable(target.text) +
               ", which is not on the list of what a model is made of");
      }
    }
    if (target.text == "collections.OrderedDict" || target.text == "collections.defaultdict") {
      return push_items(Kind::dict, pairs(arguments));
    }
    Value value;
    value.kind = Kind::object;
    value.callable = callable;
    value.arguments = arguments;
    push(std::move(value));
  }

  /// Keys and values of OrderedDict([[key, value], ...]), as Python 2 wrote it.
  std::vector<Ref> pairs(Ref arguments) const {
    std::vector<Ref> items;
    const std::vector<Ref>& given = doc_[arguments].items;
    if (given.empty() || doc_[given.front()].kind != Kind::list) return items;
    for (const Ref pair : doc_[given.front()].items) {
      const std::vector<Ref>& two = doc_[pair].items;
      if (two.size() != 2) refuse("makes a dict of " + doc_.describe(pair));
      items.insert(items.end(), two.begin(), two.end());
    }
    return items;
  }

  bool framing(uint8_t opcode) {
    switch (opcode) {
      case 0x80: {  // PROTO
        const uint8_t protocol = in_.byte();
        if (protocol > kNewestProtocol) {
          refuse(fmt::format("is of protocol {}, expected 0 to {}", protocol, kNewestProtocol));
        }
        return true;
      }
      case 0x95: {  // FRAME: only a hint for reading ahead, but it shows a file that was cut
        const uint64_t length = unsigned_integer(8);
        if (length > in_.remaining()) {
          refuse(
              fmt::format("has a frame of {} bytes where {} are left: the file is cut or damaged",
                          length, in_.remaining()));
        }
        return true;
      }
      case 0x97:  // NEXT_BUFFER
      case 0x98:  // READONLY_BUFFER
        refuse("keeps its arrays outside of the file");
      case 0x82:  // EXT1
      case 0x83:  // EXT2
      case 0x84:  // EXT4
        refuse("uses an extension registry");
      default:
        return false;
    }
  }

  static constexpr Ref kUnset = ~Ref{0};

  Document& doc_;
  ByteInput& in_;
  const Policy& policy_;
  uint64_t begin_;
  uint64_t opcode_at_ = 0;
  std::vector<Ref> stack_;
  std::vector<std::size_t> marks_;
  std::vector<Ref> memo_;
};

}  // namespace

Ref load(Document& document, ByteInput& input, const Policy& policy) {
  return Machine(document, input, policy).run();
}

}  // namespace ctclip::pickle
