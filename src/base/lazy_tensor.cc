#include "base/lazy_tensor.h"

#include <cstring>
#include <utility>

namespace ctclip {

LazyTensor::LazyTensor(const Tensor& tensor) : shape_(tensor.shape()) {
  const auto* data = reinterpret_cast<const std::byte*>(tensor.data());
  const std::size_t size = static_cast<std::size_t>(tensor.size()) * sizeof(float);
  read_ = [shape = shape_, data, size] {
    // Owned by nobody: the caller's tensor outlives it.
    return SharedTensor({{std::shared_ptr<const std::byte>(), data}, size}, shape);
  };
}

LazyTensor::LazyTensor(Tensor&& tensor) : shape_(tensor.shape()) {
  read_ = [shared = SharedTensor(std::move(tensor))] { return shared; };
}

LazyTensor::LazyTensor(std::string name, Shape shape, std::function<SharedTensor()> read,
                       std::shared_ptr<const FormStore> store)
    : name_(std::move(name)),
      shape_(std::move(shape)),
      read_(std::move(read)),
      store_(std::move(store)) {}

SharedTensor LazyTensor::values() const {
  if (store_ != nullptr) {
    auto found = store_->recover(name_);
    if (found && found->size() == element_count(shape_)) return std::move(*found).reshaped(shape_);
  }
  return read_().reshaped(shape_);
}

SharedBytes LazyTensor::form(const std::string& form, std::size_t size,
                             const std::function<void(std::byte*)>& fill) const {
  return store_ == nullptr ? SharedBytes::made(size, fill) : store_->form(name_, form, size, fill);
}

SharedTensor LazyTensor::kept() const {
  if (store_ == nullptr) return values();
  const std::size_t size = static_cast<std::size_t>(element_count(shape_)) * sizeof(float);
  const auto copy = [this, size](std::byte* to) {
    const SharedTensor found = values();
    std::memcpy(to, found.data(), size);
  };
  return {form("values", size, copy), shape_};
}

LazyTensor LazyTensor::derive(std::string_view step, Shape shape,
                              std::function<SharedTensor()> make) const {
  return {name_ + " " + std::string(step), std::move(shape), std::move(make), store_};
}

LazyTensor LazyTensor::reshaped(Shape shape) const {
  LazyTensor other = *this;
  other.shape_ = std::move(shape);
  return other;
}

}  // namespace ctclip
