#include "checkpoint/numpy_pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <span>
#include <string_view>

namespace ctclip::pickle {
namespace {

/// A NumPy element type: numpy.dtype('f8', False, True) with the state (3, '<', ...).
struct NumpyType {
  char kind = 0;         ///< f i u b O U S
  std::size_t size = 0;  ///< bytes; 0 for O
  bool big_endian = false;
};

/// An array's elements, wherever they are: raw bytes or a list of objects.
struct Elements {
  NumpyType type;
  std::string raw;
  const std::vector<Ref>* objects = nullptr;
};

std::optional<NumpyType> numpy_type(const Document& doc, Ref ref) {
  if (doc.made_by(ref) != "numpy.dtype") return std::nullopt;
  const auto code = doc.argument(ref, 0);
  if (!code || doc[*code].kind != Kind::text || doc[*code].text.empty()) return std::nullopt;
  const std::string& text = doc[*code].text;
  NumpyType type{text.front(), 0, false};
  uint32_t size = 0;
  std::from_chars(text.data() + 1, text.data() + text.size(), size);
  type.size = type.kind == 'O' ? 0 : type.kind == 'U' ? std::size_t{size} * 4 : size;
  const std::vector<Ref>& state = doc[doc[ref].state].items;
  type.big_endian = state.size() > 1 && doc[state[1]].text == ">";
  return type;
}

/// bytes, or _codecs.encode('...', 'latin1') as protocol 2 writes them.
std::optional<std::string> bytes_of(const Document& doc, Ref ref) {
  if (doc[ref].kind == Kind::bytes) return doc[ref].text;
  const auto text = doc.argument(ref, 0);
  if (doc.made_by(ref) != "_codecs.encode" || !text || doc[*text].kind != Kind::text) {
    return std::nullopt;
  }
  std::string result;
  const std::string& utf8 = doc[*text].text;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<uint8_t>(utf8[i]);
    if (lead < 0x80) {
      result.push_back(utf8[i]);
    } else if ((lead == 0xc2 || lead == 0xc3) && i + 1 < utf8.size()) {  // U+0080 to U+00FF
      ++i;
      result.push_back(static_cast<char>((lead << 6U) | (static_cast<uint8_t>(utf8[i]) & 0x3fU)));
    } else {
      return std::nullopt;
    }
  }
  return result;
}

/// numpy.core.multiarray._reconstruct(..) with the state (version, shape, dtype, order, data).
std::optional<Elements> reconstructed(const Document& doc, Ref ref) {
  const std::vector<Ref>& state = doc[doc[ref].state].items;
  if (state.size() != 5) return std::nullopt;
  const auto type = numpy_type(doc, state[2]);
  if (!type) return std::nullopt;
  if (type->kind == 'O' && doc[state[4]].kind == Kind::list) {
    return Elements{*type, {}, &doc[state[4]].items};
  }
  const auto raw = bytes_of(doc, state[4]);
  if (!raw) return std::nullopt;
  return Elements{*type, *raw, nullptr};
}

std::optional<Elements> elements(const Document& doc, Ref ref) {
  const std::string name = numpy1_name(doc.made_by(ref));
  if (name == "numpy.core.multiarray._reconstruct") return reconstructed(doc, ref);
  if (name == "numpy.core.numeric._frombuffer") {  // (buffer, dtype, shape, order)
    const auto buffer = doc.argument(ref, 0);
    const auto dtype = doc.argument(ref, 1);
    const auto type = dtype ? numpy_type(doc, *dtype) : std::nullopt;
    const auto raw = buffer ? bytes_of(doc, *buffer) : std::nullopt;
    if (!type || !raw) return std::nullopt;
    return Elements{*type, *raw, nullptr};
  }
  if (name != "joblib.numpy_pickle.NumpyArrayWrapper") return std::nullopt;
  if (!doc[ref].items.empty()) return reconstructed(doc, doc[ref].items.front());
  const auto dtype = doc.find(doc[ref].state, "dtype");
  const auto type = dtype ? numpy_type(doc, *dtype) : std::nullopt;
  if (!type) return std::nullopt;
  return Elements{*type, doc[ref].text, nullptr};
}

/// The bytes of one element in the order in which this program reads numbers.
std::string ordered(const NumpyType& type, std::string_view raw) {
  std::string bytes(raw);
  if (type.big_endian) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

/// Little-endian two's complement of 1 to 8 bytes.
int64_t signed_integer(std::string_view bytes) {
  const auto shift = static_cast<unsigned>(64 - 8 * bytes.size());  // spreads the sign
  const uint64_t bits = little_endian(std::as_bytes(std::span(bytes)));
  return static_cast<int64_t>(bits << shift) >> shift;
}

/// One element of 1 to 8 bytes.
std::optional<double> number(const NumpyType& type, std::string_view raw) {
  const std::string bytes = ordered(type, raw);
  const uint64_t bits = little_endian(std::as_bytes(std::span(bytes)));
  if (type.kind == 'f' && type.size == 8) return std::bit_cast<double>(bits);
  if (type.kind == 'f' && type.size == 4) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  if (type.kind == 'u' || type.kind == 'b') return static_cast<double>(bits);
  if (type.kind != 'i') return std::nullopt;
  return static_cast<double>(signed_integer(bytes));
}

/// Bytes of the elements behind a wrapper. Throws where they are not all there.
uint64_t raw_size(const Document& doc, Ref state, const NumpyType& type, ByteInput& input) {
  const auto shape = doc.find(state, "shape");
  if (!shape) input.refuse("holds an array without a shape");
  uint64_t size = type.size;
  for (const Ref ref : doc[*shape].items) {
    const int64_t dimension = doc[ref].integer;
    if (dimension < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(dimension), &size)) {
      input.refuse("holds an array of an impossible shape");
    }
  }
  if (size > input.remaining()) {
    input.refuse(fmt::format("holds an array of {} bytes where {} are left: the file is cut", size,
                             input.remaining()));
  }
  return size;
}

}  // namespace

std::string numpy1_name(std::string_view name) {
  constexpr std::string_view kMoved = "numpy._core.";
  if (!name.starts_with(kMoved)) return std::string(name);
  return "numpy.core." + std::string(name.substr(kMoved.size()));
}

void read_joblib_array(Document& doc, Ref built, ByteInput& input, const Policy& policy) {
  if (doc.made_by(built) != "joblib.numpy_pickle.NumpyArrayWrapper") return;
  const Ref state = doc[built].state;
  const auto dtype = doc.find(state, "dtype");
  const auto type = dtype ? numpy_type(doc, *dtype) : std::nullopt;
  if (!type || (type->kind != 'O' && type->size == 0)) {
    input.refuse("holds an array of an unknown type");
  }
  if (!doc[built].items.empty() || !doc[built].text.empty()) input.refuse("builds an array twice");
  if (type->kind == 'O') {
    const Ref nested = load(doc, input, policy);
    doc[built].items = {nested};
    return;
  }
  const auto alignment = doc.find(state, "numpy_array_alignment_bytes");  // joblib 1.2 and later
  if (alignment && doc[*alignment].kind == Kind::integer) input.skip(input.byte());
  std::string raw(raw_size(doc, state, *type, input), '\0');
  input.read(std::as_writable_bytes(std::span(raw)));
  doc[built].text = std::move(raw);
}

std::optional<std::vector<double>> array_of_numbers(const Document& doc, Ref ref) {
  const auto array = elements(doc, ref);
  if (!array || array->objects != nullptr) return std::nullopt;
  const std::size_t size = array->type.size;
  if (size == 0 || size > 8 || array->raw.size() % size != 0) return std::nullopt;
  std::vector<double> result;
  for (std::size_t at = 0; at < array->raw.size(); at += size) {
    const auto value = number(array->type, std::string_view(array->raw).substr(at, size));
    if (!value) return std::nullopt;
    result.push_back(*value);
  }
  return result;
}

std::optional<std::vector<std::string>> array_of_texts(const Document& doc, Ref ref) {
  const auto array = elements(doc, ref);
  if (!array || array->objects == nullptr) return std::nullopt;
  uint64_t left = uint64_t{16} << 20U;
  return doc.texts(*array->objects, left);
}

std::optional<int64_t> integer_of(const Document& doc, Ref ref) {
  if (doc[ref].kind == Kind::integer) return doc[ref].integer;
  const auto dtype = doc.argument(ref, 0);
  const auto raw = doc.argument(ref, 1);
  if (numpy1_name(doc.made_by(ref)) != "numpy.core.multiarray.scalar" || !dtype || !raw) {
    return std::nullopt;
  }
  const auto type = numpy_type(doc, *dtype);
  const auto bytes = bytes_of(doc, *raw);
  if (!type || !bytes || type->kind != 'i' || type->size == 0 || bytes->size() != type->size ||
      type->size > 8) {
    return std::nullopt;
  }
  return signed_integer(ordered(*type, *bytes));
}

}  // namespace ctclip::pickle
