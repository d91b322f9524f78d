#include "checkpoint/torch_state.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace ctclip::torch {
namespace {

using pickle::Document;
using pickle::Kind;
using pickle::Ref;
using pickle::Value;

/// Parameters may be wrapped: a parameter of a subclass of a tensor.
constexpr int kMaxWrappers = 8;
/// A pickle may use one long text or list any number of times, at two bytes each.
constexpr std::size_t kMaxDimensions = 64;
constexpr std::size_t kMaxName = 1024;
constexpr uint64_t kMaxListBytes = uint64_t{16} << 20U;

struct StorageType {
  std::string_view name;
  std::optional<DType> dtype;
  uint64_t size;
};

constexpr auto kStorageTypes = std::to_array<StorageType>({
    {"FloatStorage", DType::float32, 4},
    {"DoubleStorage", DType::float64, 8},
    {"HalfStorage", DType::float16, 2},
    {"BFloat16Storage", DType::bfloat16, 2},
    {"LongStorage", DType::int64, 8},
    {"IntStorage", DType::int32, 4},
    {"ShortStorage", DType::int16, 2},
    {"CharStorage", DType::int8, 1},
    {"ByteStorage", DType::uint8, 1},
    {"BoolStorage", DType::boolean, 1},
    {"ComplexFloatStorage", DType::complex64, 8},
    {"ComplexDoubleStorage", DType::complex128, 16},
    {"UntypedStorage", std::nullopt, 1},
    {"QInt8Storage", std::nullopt, 1},
    {"QUInt8Storage", std::nullopt, 1},
    {"QInt32Storage", std::nullopt, 4},
    {"QUInt4x2Storage", std::nullopt, 1},
    {"QUInt2x4Storage", std::nullopt, 1},
});

/// "torch.FloatStorage", "torch.cuda.FloatStorage", "torch.storage.UntypedStorage".
const StorageType* storage_type(std::string_view name) {
  if (!name.starts_with("torch.")) return nullptr;
  name.remove_prefix(name.rfind('.') + 1);
  const auto* found = std::find_if(kStorageTypes.begin(), kStorageTypes.end(),
                                   [&](const StorageType& type) { return type.name == name; });
  return found == kStorageTypes.end() ? nullptr : found;
}

/// A tuple or a list of ints, or the torch.Size of one.
std::optional<std::vector<int64_t>> integers(const Document& doc, Ref ref) {
  if (doc[ref].kind == Kind::object && doc.made_by(ref) == "torch.Size") {
    const auto sizes = doc.argument(ref, 0);
    if (!sizes) return std::vector<int64_t>{};
    ref = *sizes;
  }
  const Value& value = doc[ref];
  if (value.kind != Kind::tuple && value.kind != Kind::list) return std::nullopt;
  if (value.items.size() > kMaxDimensions) return std::nullopt;
  std::vector<int64_t> result;
  for (const Ref item : value.items) {
    if (doc[item].kind != Kind::integer) return std::nullopt;
    result.push_back(doc[item].integer);
  }
  return result;
}

std::optional<int64_t> integer(const Document& doc, std::optional<Ref> ref) {
  if (!ref || doc[*ref].kind != Kind::integer) return std::nullopt;
  return doc[*ref].integer;
}

/// A call with its arguments, wrappers around tensors taken off.
struct Call {
  std::string_view name;
  const std::vector<Ref>* arguments = nullptr;
};

Call unwrapped_call(const Document& doc, Ref ref) {
  for (int wrappers = 0; wrappers < kMaxWrappers; ++wrappers) {
    const std::string_view name = doc.made_by(ref);
    if (name.empty()) return {};
    const std::vector<Ref>& arguments = doc[doc[ref].arguments].items;
    if (name == "torch._utils._rebuild_parameter" ||
        name == "torch._utils._rebuild_parameter_with_state") {
      if (arguments.empty()) return {};
      ref = arguments[0];
    } else if (name == "torch._tensor._rebuild_from_type_v2" ||
               name == "torch._tensor._rebuild_from_type") {  // (function, type, arguments, state)
      if (arguments.size() < 3 || doc[arguments[0]].kind != Kind::global) return {};
      return {doc[arguments[0]].text, &doc[arguments[2]].items};
    } else {
      return {name, &arguments};
    }
  }
  return {};
}

/// dtype that _rebuild_tensor_v3 is given as its seventh argument: torch.uint16.
std::optional<DType> given_dtype(const Document& doc, const std::vector<Ref>& arguments) {
  if (arguments.size() < 7 || doc[arguments[6]].kind != Kind::global) return std::nullopt;
  const std::string_view name = doc[arguments[6]].text;
  if (!name.starts_with("torch.")) return std::nullopt;
  return dtype_of_name(name.substr(std::string_view("torch.").size()));
}

/// A tensor, or nothing for any other value. (storage, first, shape, stride, ...) are the arguments
/// of every function that rebuilds one.
std::optional<StateTensor> state_tensor(const Document& doc, Ref ref, const std::string& name,
                                        const ModelFile& file) {
  const Call call = unwrapped_call(doc, ref);
  const bool v3 = call.name == "torch._utils._rebuild_tensor_v3";
  if (!v3 && call.name != "torch._utils._rebuild_tensor_v2" &&
      call.name != "torch._utils._rebuild_tensor") {
    return std::nullopt;
  }
  const std::vector<Ref>& arguments = *call.arguments;
  StateTensor result;
  result.name = name;
  const auto damaged = [&] { file.refuse("tensor '" + quotable(name) + "' is described wrongly"); };
  if (arguments.size() < 4) damaged();
  const auto storage = storage_id(doc, arguments[0], file);
  const auto first = integer(doc, arguments[1]);
  const auto shape = integers(doc, arguments[2]);
  const auto stride = integers(doc, arguments[3]);
  if (!storage || !first || !shape || !stride) damaged();
  const std::optional<DType> dtype = v3 ? given_dtype(doc, arguments) : storage->dtype;
  if (!dtype) return std::nullopt;  // quantised, or newer than this program
  result.storage = *storage;
  result.tensor.dtype = *dtype;
  result.tensor.shape = *shape;
  result.tensor.stride = *stride;
  const auto size = static_cast<int64_t>(dtype_size(*dtype));
  const auto stored_size = static_cast<int64_t>(storage->element_size);
  int64_t bytes = 0;
  if (__builtin_mul_overflow(storage->elements, stored_size, &bytes)) damaged();
  result.tensor.storage_elements = bytes / size;
  if (__builtin_add_overflow(*first, storage->first, &result.tensor.first)) damaged();
  return result;
}

/// `left`: how many more bytes the lists of a file may have together.
std::optional<std::vector<std::string>> strings(const Document& doc, Ref ref, uint64_t& left) {
  const Value& value = doc[ref];
  if (value.kind != Kind::list && value.kind != Kind::tuple) return std::nullopt;
  return doc.texts(value.items, left);
}

Ref state_dict(const Document& doc, Ref root, const ModelFile& file) {
  if (doc[root].kind != Kind::dict) {
    file.refuse("expected a state dict, found " + doc.describe(root) +
                "; save model.state_dict(), not the model");
  }
  for (const std::string_view key : {"model_state_dict", "state_dict"}) {
    const std::optional<Ref> found = doc.find(root, key);
    if (!found) continue;
    if (doc[*found].kind == Kind::dict) return *found;
    file.refuse("'" + std::string(key) + "' is expected to be a dict of tensors, found " +
                doc.describe(*found));
  }
  return root;
}

}  // namespace

std::optional<StorageId> storage_id(const Document& doc, Ref ref, const ModelFile& file) {
  if (doc[ref].kind != Kind::persistent) return std::nullopt;
  const std::vector<Ref>& parts = doc[doc[ref].arguments].items;
  if (parts.empty() || doc[parts[0]].text != "storage") return std::nullopt;
  const auto damaged = [&] { file.refuse("a storage is described wrongly"); };
  if (parts.size() < 5 || doc[parts[2]].kind != Kind::text) damaged();
  if (doc[parts[2]].text.size() > kMaxName) damaged();
  const StorageType* type = storage_type(doc[parts[1]].text);
  if (type == nullptr) {
    file.refuse("a storage of the unknown type '" + quotable(doc[parts[1]].text) + "'");
  }
  StorageId id{doc[parts[2]].text, type->dtype, type->size, 0, 0};
  const auto elements = integer(doc, parts[4]);
  if (!elements || *elements < 0) damaged();
  id.elements = *elements;
  if (parts.size() > 5 && parts[5] != 0) {  // (key of the view, first element, elements)
    const std::vector<Ref>& view = doc[parts[5]].items;
    const auto first = view.size() == 3 ? integer(doc, view[1]) : std::nullopt;
    if (!first || *first < 0) damaged();
    id.first = *first;
  }
  return id;
}

State read_state(const Document& doc, Ref root, const ModelFile& file) {
  const Ref dict = state_dict(doc, root, file);
  State state;
  const std::vector<Ref>& items = doc[dict].items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (doc[items[i]].kind != Kind::text) continue;
    const std::string& name = doc[items[i]].text;
    if (name.size() > kMaxName) file.refuse("the tensor name '" + quotable(name) + "' is too long");
    auto tensor = state_tensor(doc, items[i + 1], name, file);
    if (tensor) state.tensors.push_back(std::move(*tensor));
  }
  if (state.tensors.empty()) file.refuse("holds no tensors where a state dict is expected");
  uint64_t left = kMaxListBytes;
  const std::vector<Ref>& beside = doc[root].items;
  for (std::size_t i = 0; i + 1 < beside.size(); i += 2) {
    if (doc[beside[i]].kind != Kind::text || beside[i + 1] == dict) continue;
    state.lists[doc[beside[i]].text] = strings(doc, beside[i + 1], left);
  }
  return state;
}

}  // namespace ctclip::torch
