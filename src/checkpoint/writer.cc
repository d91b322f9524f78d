#include "checkpoint/writer.h"

#include <cstring>
#include <limits>
#include <stdexcept>
#include <string_view>

#include "checkpoint/dtype.h"
#include "checkpoint/stored_tensors.h"
#include "checkpoint/zip_writer.h"

namespace ctclip {
namespace {

constexpr std::string_view kRoot = "archive/";

std::string record(const std::string& name) { return std::string(kRoot) + name; }

/// The opcodes that a state dict needs, in protocol 2.
class PickleWriter {
 public:
  PickleWriter& op(const char* opcodes) {
    bytes_ += opcodes;
    return *this;
  }
  PickleWriter& text(const std::string& value) {
    bytes_ += 'X';
    put(value.size(), 4);
    bytes_ += value;
    return *this;
  }
  PickleWriter& integer(int64_t value) {
    const bool fits = value >= 0 && value <= std::numeric_limits<int32_t>::max();
    bytes_ += fits ? "J" : "\x8a\x08";
    put(static_cast<uint64_t>(value), fits ? 4 : 8);
    return *this;
  }
  PickleWriter& integers(const std::vector<int64_t>& values) {
    op("(");
    for (const int64_t value : values) integer(value);
    return op("t");
  }
  PickleWriter& global(const char* module, const char* name) {
    bytes_ += std::string("c") + module + "\n" + name + "\n";
    return *this;
  }
  PickleWriter& ordered_dict() { return global("collections", "OrderedDict").op(")R"); }

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  void put(uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      bytes_ += static_cast<char>((value >> (8 * i)) & 0xffU);
    }
  }

  std::string bytes_ = "\x80\x02";
};

/// _rebuild_tensor_v2(storage, first element, shape, stride, requires_grad, hooks)
void put_tensor(PickleWriter& pickle, const TensorSpec& spec, std::size_t key) {
  pickle.global("torch._utils", "_rebuild_tensor_v2").op("((").text("storage");
  pickle.global("torch", spec.dtype == "int64" ? "LongStorage" : "FloatStorage");
  pickle.text(std::to_string(key)).text("cpu").integer(element_count(spec.shape)).op("tQ");
  pickle.integer(0).integers(spec.shape).integers(row_major_strides(spec.shape));
  pickle.op("\x89").ordered_dict().op("tR");
}

PickleWriter state_dict(std::span<const TensorSpec> tensors,
                        const std::vector<std::string>& target_pathologies) {
  PickleWriter pickle;
  if (!target_pathologies.empty()) pickle.op("}(").text("model_state_dict");
  pickle.ordered_dict().op("(");
  for (std::size_t key = 0; key < tensors.size(); ++key) {
    pickle.text(tensors[key].name);
    put_tensor(pickle, tensors[key], key);
  }
  pickle.op("u");
  if (!target_pathologies.empty()) {
    pickle.text("target_pathologies").op("](");
    for (const std::string& name : target_pathologies) pickle.text(name);
    pickle.op("eu");
  }
  pickle.op(".");
  return pickle;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, std::span<const TensorSpec> tensors,
                      const std::vector<std::string>& target_pathologies,
                      const std::function<void(const TensorSpec&, std::span<std::byte>)>& fill) {
  for (const TensorSpec& spec : tensors) {
    if (spec.dtype != "float32" && spec.dtype != "int64") {
      throw std::invalid_argument("cannot write tensors of type " + spec.dtype);
    }
  }
  ZipWriter zip(path);
  zip.add(record("data.pkl"), state_dict(tensors, target_pathologies).bytes());
  zip.add(record("byteorder"), bytes_of("little"));
  std::vector<std::byte> bytes;
  for (std::size_t key = 0; key < tensors.size(); ++key) {
    const auto count = static_cast<std::size_t>(element_count(tensors[key].shape));
    bytes.resize(count * dtype_size(dtype_of_name(tensors[key].dtype).value()));
    fill(tensors[key], bytes);
    zip.add(record("data/" + std::to_string(key)), bytes);
  }
  zip.add(record("version"), bytes_of("3\n"));
  zip.finish();
}

}  // namespace ctclip
