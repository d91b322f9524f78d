#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "checkpoint/formats.h"
#include "checkpoint/stored_tensors.h"

namespace ctclip {
namespace {

using nlohmann::json;

/// A header of the real models takes 60 kB.
constexpr uint64_t kMaxHeader = uint64_t{16} << 20U;
constexpr uint64_t kLengthSize = 8;

const std::map<std::string, DType, std::less<>>& dtypes() {
  static const std::map<std::string, DType, std::less<>> table = {
      {"F32", DType::float32},        {"F64", DType::float64},   {"F16", DType::float16},
      {"BF16", DType::bfloat16},      {"I64", DType::int64},     {"I32", DType::int32},
      {"I16", DType::int16},          {"I8", DType::int8},       {"U64", DType::uint64},
      {"U32", DType::uint32},         {"U16", DType::uint16},    {"U8", DType::uint8},
      {"BOOL", DType::boolean},       {"C64", DType::complex64}, {"F8_E4M3", DType::float8_e4m3fn},
      {"F8_E5M2", DType::float8_e5m2}};
  return table;
}

struct Named {
  std::string name;
  StoredTensor tensor;
  uint64_t begin = 0;  ///< bytes behind the header
  uint64_t end = 0;
};

json read_header(const ModelFile& file, uint64_t& data) {
  std::array<std::byte, kLengthSize> raw{};
  file.read(0, raw);
  const uint64_t length = little_endian(raw);
  if (length > kMaxHeader || length > file.size() - kLengthSize) {
    file.refuse(
        fmt::format("has a safetensors header of {} bytes, expected {} at most and a file "
                    "longer than that",
                    length, kMaxHeader));
  }
  std::string text(length, '\0');
  file.read(kLengthSize, std::as_writable_bytes(std::span(text)));
  data = kLengthSize + length;
  json header = json::parse(text, nullptr, false);
  if (!header.is_object()) file.refuse("has a damaged safetensors header: no JSON object");
  return header;
}

bool is_size(const json& value) { return value.is_number_unsigned(); }

Named describe(const std::string& name, const json& entry, const ModelFile& file) {
  const auto refuse = [&] { file.refuse("tensor '" + quotable(name) + "' is described wrongly"); };
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    refuse();
  }
  const json& shape = entry["shape"];
  const json& offsets = entry["data_offsets"];
  const auto sizes = [](const json& list) {
    return list.is_array() && std::all_of(list.begin(), list.end(), is_size);
  };
  if (!entry["dtype"].is_string() || !sizes(shape) || !sizes(offsets) || offsets.size() != 2) {
    refuse();
  }
  const auto dtype = dtypes().find(entry["dtype"].get_ref<const std::string&>());
  if (dtype == dtypes().end()) {
    file.refuse("tensor '" + quotable(name) + "' is of the unknown type " +
                quotable(entry["dtype"].get_ref<const std::string&>()));
  }
  Named named{name, {}, offsets[0].get<uint64_t>(), offsets[1].get<uint64_t>()};
  named.tensor.dtype = dtype->second;
  named.tensor.shape = shape.get<Shape>();
  return named;
}

/// Each tensor fills its range, and the ranges fill the file without gap or overlap, as the format
/// demands.
void place(std::vector<Named>& tensors, uint64_t data, const ModelFile& file) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const Named& a, const Named& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t end = 0;
  for (Named& named : tensors) {
    const auto size = static_cast<int64_t>(dtype_size(named.tensor.dtype));
    const int64_t elements = safe_element_count(named.tensor.shape);
    int64_t bytes = 0;
    const bool fits = elements >= 0 && !__builtin_mul_overflow(elements, size, &bytes);
    const auto expected = static_cast<uint64_t>(bytes);
    if (!fits || named.begin != end || named.end < named.begin ||
        named.end - named.begin != expected || named.end > file.size() - data) {
      file.refuse(fmt::format(
          "tensor '{}' of shape {} has the bytes {} to {}, expected {} bytes from {} on and a file "
          "that holds them: damaged or cut",
          quotable(named.name), to_string(named.tensor.shape), named.begin, named.end, expected,
          end));
    }
    end = named.end;
    named.tensor.storage = data + named.begin;
    named.tensor.storage_elements = elements;
  }
  if (end != file.size() - data) {
    file.refuse(fmt::format("has {} bytes behind its last tensor", file.size() - data - end));
  }
}

/// Metadata are strings; a list is one that holds JSON.
StringLists lists(const json& header) {
  StringLists result;
  const auto metadata = header.find("__metadata__");
  if (metadata == header.end() || !metadata->is_object()) return result;
  for (const auto& [key, value] : metadata->items()) {
    result[key] = std::nullopt;
    if (!value.is_string()) continue;
    const json list = json::parse(value.get_ref<const std::string&>(), nullptr, false);
    const auto is_string = [](const json& item) { return item.is_string(); };
    if (list.is_array() && std::all_of(list.begin(), list.end(), is_string)) {
      result[key] = list.get<std::vector<std::string>>();
    }
  }
  return result;
}

}  // namespace

bool is_safetensors(const ModelFile& file) {
  std::array<std::byte, kLengthSize + 1> head{};
  if (file.size() < head.size()) return false;
  file.read(0, head);
  return little_endian(std::span(head).subspan(4, 4)) == 0 && head.back() == std::byte{'{'};
}

std::shared_ptr<const StoredCheckpoint> open_safetensors(
    const std::shared_ptr<const ModelFile>& file) {
  uint64_t data = 0;
  const json header = read_header(*file, data);
  std::vector<Named> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") tensors.push_back(describe(name, entry, *file));
  }
  place(tensors, data, *file);
  auto checkpoint = std::make_shared<StoredCheckpoint>(file, lists(header));
  for (Named& named : tensors) {
    named.tensor.stride = row_major_strides(named.tensor.shape);
    checkpoint->add(named.name, std::move(named.tensor));
  }
  return checkpoint;
}

}  // namespace ctclip
