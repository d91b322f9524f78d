#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/model_file.h"

/// A restricted pickle machine (protocols 0 to 5). It builds a description of what the pickle says
/// and never imports, calls or constructs anything: a class or function is its name, and a call of
/// one is an `object` that says what would have been called with what. Opcodes as in CPython's
/// Lib/pickletools.py.
namespace ctclip::pickle {

enum class Kind : uint8_t {
  none,
  boolean,
  integer,
  big_integer,  ///< beyond 64 bits
  real,
  text,
  bytes,
  list,
  tuple,
  set,
  dict,        ///< dict, OrderedDict or defaultdict
  global,      ///< a name: "torch.FloatStorage"
  object,      ///< the call of a name that was not made
  persistent,  ///< a persistent id: what torch.save writes for a storage
};

/// Place of a value in its Document. 0 is None.
using Ref = uint32_t;

/// One value. It refers to others by their place, so sharing costs nothing, a cycle does no harm
/// and nothing recurses when deep nesting is taken down.
struct Value {
  Kind kind = Kind::none;
  int64_t integer = 0;  ///< boolean, integer
  double real = 0;
  std::string text;        ///< text; bytes; big_integer (two's complement, little-endian); global
  std::vector<Ref> items;  ///< list, tuple, set; dict: keys and values in turn
  Ref callable = 0;        ///< object: what is called
  Ref arguments = 0;       ///< object: its tuple of arguments; persistent: the id
  Ref state = 0;           ///< what BUILD would have set
};

/// The values of a pickle, and of pickles nested in it.
class Document {
 public:
  Document();
  const Value& operator[](Ref ref) const { return values_[ref]; }
  Value& operator[](Ref ref) { return values_[ref]; }
  std::size_t size() const { return values_.size(); }
  /// Bytes of all texts and items, as they were when they were added.
  uint64_t held() const { return held_; }
  Ref add(Value value);

  /// Value of a text key of a dict; nothing where `dict` is no dict or has no such key.
  std::optional<Ref> find(Ref dict, std::string_view key) const;
  /// Name of what an object is an instance or result of ("numpy.dtype"); empty for other kinds.
  std::string_view made_by(Ref ref) const;
  /// Argument of an object's call; nothing where there are fewer.
  std::optional<Ref> argument(Ref object, std::size_t index) const;
  /// `items` where all of them are UTF-8 texts; nothing elsewhere, and where they take more than
  /// the `left` bytes: one long text may be an item any number of times. Takes its bytes off
  /// `left`.
  std::optional<std::vector<std::string>> texts(const std::vector<Ref>& items,
                                                uint64_t& left) const;
  /// "a list", "an object (argparse.Namespace)": for messages.
  std::string describe(Ref ref) const;

 private:
  std::deque<Value> values_;
  uint64_t held_ = 0;
};

/// What a caller of the machine allows, and its limits.
struct Policy {
  /// Asked for each name that would be called; `false` refuses the file by that name. Absent: all
  /// are kept as opaque objects. Names that reach the system (see `is_dangerous`) never pass.
  std::function<bool(std::string_view name)> may_call;
  /// Told of each BUILD, with the input placed right behind it, where joblib keeps its arrays.
  std::function<void(Document&, Ref built, ByteInput&)> built;
  uint64_t max_bytes = uint64_t{64} << 20U;  ///< of one pickle; a real state dict takes 0.1 MB
  std::size_t max_values = 2'000'000;        ///< of the whole document: some 300 MB at worst
};

/// Whether a name lets a pickle run something or reach the system: os.system, builtins.eval,
/// subprocess.Popen, also as torch.serialization.os.system.
bool is_dangerous(std::string_view module, std::string_view name);

/// Reads one pickle up to its STOP, behind which `input` then stands. Throws Error{bad_model}: what
/// was expected, what was found, where.
Ref load(Document& document, ByteInput& input, const Policy& policy);

}  // namespace ctclip::pickle
