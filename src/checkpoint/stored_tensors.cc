#include "checkpoint/stored_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

namespace ctclip {
namespace {

/// Elements that are converted, or gathered, at a time.
constexpr int64_t kBlock = int64_t{1} << 18;
/// An expanded view (stride 0) has more elements than its storage; a small file must not grow into
/// any amount of memory by it. Real ones are position ids.
constexpr int64_t kMaxExpanded = int64_t{1} << 22;
constexpr std::size_t kMaxDimensions = 64;
constexpr std::size_t kMaxName = 1024;

/// Number of the last element that a view touches, -1 where that does not fit.
int64_t last_element(const StoredTensor& tensor) {
  int64_t last = tensor.first;
  for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(tensor.shape[axis] - 1, tensor.stride[axis], &reach)) return -1;
    if (__builtin_add_overflow(last, reach, &last)) return -1;
  }
  return last;
}

/// Elements of a storage as float32, those near the last one asked for at hand.
class Window {
 public:
  Window(const ModelFile& file, const StoredTensor& tensor) : file_(file), tensor_(tensor) {}

  void read(int64_t first, std::span<float> out) const {
    const std::size_t size = dtype_size(tensor_.dtype);
    const uint64_t at = tensor_.storage + static_cast<uint64_t>(first) * size;
    if (tensor_.dtype == DType::float32) return file_.read(at, std::as_writable_bytes(out));
    std::vector<std::byte> raw(out.size() * size);
    file_.read(at, raw);
    convert_to_float32(tensor_.dtype, raw, out);
  }

  float operator[](int64_t element) {
    if (element < first_ || element >= first_ + static_cast<int64_t>(values_.size())) {
      const int64_t left = tensor_.storage_elements - element;
      values_.resize(static_cast<std::size_t>(std::min(kBlock, left)));
      read(element, values_);
      first_ = element;
    }
    return values_[static_cast<std::size_t>(element - first_)];
  }

 private:
  const ModelFile& file_;
  const StoredTensor& tensor_;
  std::vector<float> values_;
  int64_t first_ = 0;
};

/// Copies a strided view, going through it in the order of the file so that each block of it is
/// read about once: axes by descending stride.
void gather(Window& window, const StoredTensor& tensor, float* out) {
  const std::size_t axes = tensor.shape.size();
  const std::vector<int64_t> out_stride = row_major_strides(tensor.shape);
  std::vector<std::size_t> order(axes);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return tensor.stride[a] > tensor.stride[b];
  });
  std::vector<int64_t> index(axes, 0);
  int64_t from = tensor.first;
  int64_t to = 0;
  for (int64_t left = element_count(tensor.shape); left > 0; --left) {
    out[to] = window[from];
    for (std::size_t k = axes; k-- > 0;) {  // the next index, as an odometer
      const std::size_t axis = order[k];
      from += tensor.stride[axis];
      to += out_stride[axis];
      if (++index[axis] < tensor.shape[axis]) break;
      from -= tensor.stride[axis] * tensor.shape[axis];
      to -= out_stride[axis] * tensor.shape[axis];
      index[axis] = 0;
    }
  }
}

bool is_row_major(const StoredTensor& tensor) {
  const std::vector<int64_t> expected = row_major_strides(tensor.shape);
  for (std::size_t axis = 0; axis < expected.size(); ++axis) {
    if (tensor.shape[axis] != 1 && tensor.stride[axis] != expected[axis]) return false;
  }
  return true;
}

/// Names appear in messages and in JSON.
void check_name(const ModelFile& file, const std::string& name) {
  const bool plain =
      std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (name.size() > kMaxName || !plain || !is_utf8(name)) {
    file.refuse("the tensor name '" + quotable(name) + "' is no plain text");
  }
}

/// All elements in the storage, the storage in the file.
void check_extent(const ModelFile& file, const std::string& name, const StoredTensor& tensor) {
  const auto refuse = [&](const std::string& what) {
    file.refuse(fmt::format("tensor '{}' of shape {} {}", name, to_string(tensor.shape), what));
  };
  const int64_t count = safe_element_count(tensor.shape);
  const bool backwards = std::any_of(tensor.stride.begin(), tensor.stride.end(),
                                     [](int64_t stride) { return stride < 0; });
  if (tensor.shape.size() > kMaxDimensions || tensor.stride.size() != tensor.shape.size() ||
      backwards || tensor.first < 0 || count < 0) {
    refuse("has an impossible shape or impossible strides");
  }
  if (count == 0) return;
  const int64_t last = last_element(tensor);
  if (last < 0 || last >= tensor.storage_elements) {
    refuse(fmt::format("reaches beyond its storage of {} elements", tensor.storage_elements));
  }
  if (count > std::max(tensor.storage_elements, kMaxExpanded)) {
    refuse(fmt::format("has {} elements but a storage of {}", count, tensor.storage_elements));
  }
  const uint64_t size = dtype_size(tensor.dtype);
  if (tensor.storage > file.size() ||
      static_cast<uint64_t>(last) >= (file.size() - tensor.storage) / size) {
    refuse(
        fmt::format("reaches beyond the end of the file at byte {}: the file is cut", file.size()));
  }
}

}  // namespace

int64_t safe_element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, std::max<int64_t>(size, 1), &count)) return -1;
  }
  return std::find(shape.begin(), shape.end(), 0) != shape.end() ? 0 : count;
}

std::vector<int64_t> row_major_strides(const Shape& shape) {
  std::vector<int64_t> stride(shape.size());
  int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    stride[axis] = step;
    step *= std::max<int64_t>(shape[axis], 1);
  }
  return stride;
}

StoredCheckpoint::StoredCheckpoint(std::shared_ptr<const ModelFile> file, StringLists lists)
    : file_(std::move(file)), lists_(std::move(lists)) {
  path_ = file_->path();
}

void StoredCheckpoint::add(const std::string& name, StoredTensor tensor) {
  check_name(*file_, name);
  // The stride of an axis of size 1 is never used and may be anything.
  for (std::size_t axis = 0; axis < std::min(tensor.shape.size(), tensor.stride.size()); ++axis) {
    if (tensor.shape[axis] == 1) tensor.stride[axis] = 0;
  }
  check_extent(*file_, name, tensor);
  if (!entries_.emplace(name, Entry{tensor.shape, std::string(dtype_name(tensor.dtype))}).second) {
    file_->refuse("tensor '" + name + "' is there twice");
  }
  names_.push_back(name);
  tensors_.emplace(name, std::move(tensor));
}

Tensor StoredCheckpoint::read(const std::string& name) const {
  const Entry& found = entry(name);
  const StoredTensor& tensor = tensors_.at(name);
  if (!converts_to_float32(tensor.dtype)) {
    file_->refuse("tensor '" + name + "' is of type " + found.dtype +
                  ", expected a real number of 16 bits or more, an integer or a bool");
  }
  Tensor result = Tensor::uninitialised(tensor.shape);
  if (result.empty()) return result;
  Window window(*file_, tensor);
  if (!is_row_major(tensor)) {
    gather(window, tensor, result.data());
    return result;
  }
  const int64_t block = tensor.dtype == DType::float32 ? result.size() : kBlock;
  for (int64_t done = 0; done < result.size(); done += block) {
    const int64_t count = std::min(block, result.size() - done);
    window.read(tensor.first + done, {result.data() + done, static_cast<std::size_t>(count)});
  }
  return result;
}

std::vector<std::string> StoredCheckpoint::strings(const std::string& key) const {
  const auto found = lists_.find(key);
  if (found == lists_.end()) return {};
  if (!found->second) file_->refuse("'" + key + "' is expected to be a list of strings");
  return *found->second;
}

}  // namespace ctclip
