#include "checkpoint/pickle.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "checkpoint/pickle_input.h"

namespace ctclip::pickle {
namespace {

/// Open MARKs at once: CPython's pickler opens one for each level of nesting.
constexpr std::size_t kMaxMarks = 65536;
/// An opcode of one byte can add a reference of four; only copies make more than that of a pickle.
constexpr uint64_t kMostHeld = 4;
constexpr uint8_t kStop = '.';
constexpr uint8_t kNewestProtocol = 5;

bool is_container(Kind kind) {
  return kind == Kind::dict || kind == Kind::object || kind == Kind::list || kind == Kind::set;
}

class Machine {
 public:
  Machine(Document& document, ByteInput& input, const Policy& policy)
      : doc_(document), in_(input, policy), policy_(policy) {}

  Ref run() {
    while (true) {
      const uint8_t opcode = in_.opcode();
      if (opcode == kStop) break;
      const bool known = scalar(opcode) || container(opcode) || mutation(opcode) || stack(opcode) ||
                         memo(opcode) || call(opcode) || instance(opcode) || framing(opcode);
      if (!known) in_.refuse(fmt::format("holds the unknown opcode 0x{:02x}", opcode));
    }
    const Ref result = pop();
    if (!stack_.empty() || !marks_.empty()) in_.refuse("ends with values left over");
    return result;
  }

 private:
  // Values and the stack. What lies below the last MARK belongs to whoever set the mark.

  Ref add(Value value) {
    if (doc_.size() >= policy_.max_values) {
      in_.refuse(fmt::format("holds more than {} values", policy_.max_values));
    }
    const Ref ref = doc_.add(std::move(value));
    if (doc_.held() / kMostHeld > policy_.max_bytes) in_.refuse("copies itself again and again");
    return ref;
  }
  void push(Value value) { stack_.push_back(add(std::move(value))); }
  void push_named(Kind kind, std::string text) {
    Value value;
    value.kind = kind;
    value.text = std::move(text);
    push(std::move(value));
  }
  void push_items(Kind kind, std::vector<Ref> items) {
    if (kind == Kind::dict && items.size() % 2 != 0)
      in_.refuse("holds a dict with a key but no value");
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
      in_.refuse("takes a value that is not there");
    return stack_.back();
  }
  std::vector<Ref> pop_mark() {
    if (marks_.empty()) in_.refuse("takes a mark that is not there");
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

  bool scalar(uint8_t opcode) {
    if (opcode == 'N') {  // NONE
      stack_.push_back(0);
      return true;
    }
    auto value = read_scalar(opcode, in_);
    if (value) push(std::move(*value));
    return value.has_value();
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
      in_.refuse("appends to " + doc_.describe(top()));
    }
    value.items.insert(value.items.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<Ref>& items) {
    Value& value = doc_[top()];
    if (value.kind != Kind::dict && value.kind != Kind::object) {
      in_.refuse("sets a key of " + doc_.describe(top()));
    }
    if (items.size() % 2 != 0) in_.refuse("sets a key without a value");
    value.items.insert(value.items.end(), items.begin(), items.end());
  }

  void build() {
    const Ref state = pop();
    if (!is_container(doc_[top()].kind)) in_.refuse("sets the state of " + doc_.describe(top()));
    doc_[top()].state = state;
    if (policy_.built) policy_.built(doc_, top(), in_.bytes());
  }

  bool stack(uint8_t opcode) {
    switch (opcode) {
      case '(':  // MARK
        if (marks_.size() >= kMaxMarks) in_.refuse("is nested too deeply");
        marks_.push_back(stack_.size());
        return true;
      case '0':  // POP, of a mark too
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case '1':  // POP_MARK
        pop_mark();
        return true;
      case '2':  // DUP
        stack_.push_back(top());
        return true;
      default:
        return false;
    }
  }

  bool memo(uint8_t opcode) {
    switch (opcode) {
      case 'q':  // BINPUT
      case 'r':  // LONG_BINPUT
        memoise(in_.unsigned_integer(opcode == 'q' ? 1 : 4));
        return true;
      case 0x94:  // MEMOIZE
        memoise(memo_.size());
        return true;
      case 'p':  // PUT
        memoise(line_index());
        return true;
      case 'h':  // BINGET
      case 'j':  // LONG_BINGET
        recall(in_.unsigned_integer(opcode == 'h' ? 1 : 4));
        return true;
      case 'g':  // GET
        recall(line_index());
        return true;
      default:
        return false;
    }
  }

  uint64_t line_index() {
    const std::string digits = in_.line();
    uint64_t index = 0;
    const char* end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, index).ptr != end || digits.empty()) {
      in_.refuse("holds '" + quotable(digits) + "' where a memo's number is expected");
    }
    return index;
  }

  void memoise(uint64_t index) {
    // Picklers number their memos one by one; a far one would only waste memory.
    if (index >= policy_.max_values) in_.refuse(fmt::format("uses the memo {}", index));
    if (index >= memo_.size()) memo_.resize(index + 1, kUnset);
    memo_[index] = top();
  }

  void recall(uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kUnset) {
      in_.refuse(fmt::format("takes the memo {} that was never set", index));
    }
    stack_.push_back(memo_[index]);
  }

  bool call(uint8_t opcode) {
    switch (opcode) {
      case 'c': {  // GLOBAL
        const std::string module = in_.line();
        push_global(module, in_.line());
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        const std::vector<Ref> names = pop_last(2);
        if (doc_[names[0]].kind != Kind::text || doc_[names[1]].kind != Kind::text) {
          in_.refuse("names a class by " + doc_.describe(names[0]) + " and " +
                     doc_.describe(names[1]));
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
      default:
        return false;
    }
  }

  /// Protocol 0 and 1 objects, persistent ids.
  bool instance(uint8_t opcode) {
    switch (opcode) {
      case 'i': {  // INST
        const std::string module = in_.line();
        push_global(module, in_.line());
        const Ref callable = pop();
        push_items(Kind::tuple, pop_mark());
        push_object(callable, pop());
        return true;
      }
      case 'o': {  // OBJ
        std::vector<Ref> call = pop_mark();
        if (call.empty()) in_.refuse("makes an object of nothing");
        push_items(Kind::tuple, {call.begin() + 1, call.end()});
        push_object(call.front(), pop());
        return true;
      }
      case 'Q':    // BINPERSID
      case 'P': {  // PERSID
        if (opcode == 'P') push_named(Kind::text, in_.line());
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
      in_.refuse("wants to run " + quotable(full) +
                 ": no model needs that, and nothing of it was run");
    }
    push_named(Kind::global, full);
  }

  void push_object(Ref callable, Ref arguments) {
    if (doc_[arguments].kind != Kind::tuple) {
      in_.refuse("calls with " + doc_.describe(arguments) + " in place of a tuple");
    }
    const Value& target = doc_[callable];
    if (policy_.may_call) {
      if (target.kind != Kind::global) in_.refuse("calls " + doc_.describe(callable));
      if (!policy_.may_call(target.text)) {
        in_.refuse("makes a " + quotable(target.text) +
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
      if (two.size() != 2) in_.refuse("makes a dict of " + doc_.describe(pair));
      items.insert(items.end(), two.begin(), two.end());
    }
    return items;
  }

  bool framing(uint8_t opcode) {
    switch (opcode) {
      case 0x80: {  // PROTO
        const uint8_t protocol = static_cast<uint8_t>(in_.unsigned_integer(1));
        if (protocol > kNewestProtocol) {
          in_.refuse(fmt::format("is of protocol {}, expected 0 to {}", protocol, kNewestProtocol));
        }
        return true;
      }
      case 0x95: {  // FRAME: only a hint for reading ahead, but it shows a file that was cut
        const uint64_t length = in_.unsigned_integer(8);
        if (length > in_.remaining()) {
          in_.refuse(
              fmt::format("has a frame of {} bytes where {} are left: the file is cut or damaged",
                          length, in_.remaining()));
        }
        return true;
      }
      case 0x97:  // NEXT_BUFFER
      case 0x98:  // READONLY_BUFFER
        in_.refuse("keeps its arrays outside of the file");
      case 0x82:  // EXT1
      case 0x83:  // EXT2
      case 0x84:  // EXT4
        in_.refuse("uses an extension registry");
      default:
        return false;
    }
  }

  static constexpr Ref kUnset = ~Ref{0};

  Document& doc_;
  OpcodeInput in_;
  const Policy& policy_;
  std::vector<Ref> stack_;
  std::vector<std::size_t> marks_;
  std::vector<Ref> memo_;
};

}  // namespace

Ref load(Document& document, ByteInput& input, const Policy& policy) {
  return Machine(document, input, policy).run();
}

}  // namespace ctclip::pickle
