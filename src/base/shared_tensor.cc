#include "base/shared_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace ctclip {
namespace {

constexpr std::align_val_t kAlignment{64};

SharedBytes bytes_of(Tensor tensor) {
  const std::size_t size = static_cast<std::size_t>(tensor.size()) * sizeof(float);
  auto owner = std::make_shared<const Tensor>(std::move(tensor));
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  return {{std::move(owner), data}, size};
}

}  // namespace

SharedBytes SharedBytes::made(std::size_t size, const std::function<void(std::byte*)>& fill) {
  const std::shared_ptr<std::byte> memory(
      static_cast<std::byte*>(::operator new(size, kAlignment)),
      [](std::byte* data) { ::operator delete(data, kAlignment); });
  fill(memory.get());
  return {memory, size};
}

SharedTensor::SharedTensor(Tensor tensor) : shape_(tensor.shape()) {
  bytes_ = bytes_of(std::move(tensor));
}

SharedTensor::SharedTensor(SharedBytes bytes, Shape shape)
    : bytes_(std::move(bytes)), shape_(std::move(shape)) {
  if (bytes_.size != static_cast<std::size_t>(element_count(shape_)) * sizeof(float)) {
    throw std::logic_error(
        fmt::format("{} bytes are no tensor {}", bytes_.size, to_string(shape_)));
  }
}

Tensor SharedTensor::clone() const {
  Tensor copy = Tensor::uninitialised(shape_);
  std::ranges::copy(values(), copy.data());
  return copy;
}

SharedTensor SharedTensor::reshaped(Shape shape) const { return {bytes_, std::move(shape)}; }

}  // namespace ctclip
