#include "base/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

namespace ctclip {
namespace {
constexpr std::align_val_t kAlignment{64};
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count)) {
      throw std::length_error("impossible shape " + to_string(shape));
    }
  }
  return count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void Tensor::Free::operator()(float* data) const {
  if (!owner) ::operator delete[](data, kAlignment);
}

Tensor Tensor::uninitialised(Shape shape) {
  Tensor tensor;
  tensor.size_ = element_count(shape);
  if (tensor.size_ > std::numeric_limits<int64_t>::max() / int64_t{sizeof(float)}) {
    throw std::length_error("impossible shape " + to_string(shape));
  }
  const auto bytes = static_cast<std::size_t>(tensor.size_) * sizeof(float);
  tensor.data_.reset(
      static_cast<float*>(::operator new[](std::max<std::size_t>(bytes, 64), kAlignment)));
  tensor.shape_ = std::move(shape);
  return tensor;
}

Tensor Tensor::zeros(Shape shape) {
  Tensor tensor = uninitialised(std::move(shape));
  std::fill_n(tensor.data(), tensor.size(), 0.0F);
  return tensor;
}

Tensor Tensor::over(Shape shape, float* data, std::shared_ptr<void> owner) {
  Tensor tensor;
  tensor.size_ = element_count(shape);
  tensor.data_ = {data, Free{std::move(owner)}};
  tensor.shape_ = std::move(shape);
  return tensor;
}

Tensor Tensor::clone() const {
  Tensor copy = uninitialised(shape_);
  std::copy_n(data(), size_, copy.data());
  return copy;
}

Tensor Tensor::reshaped(Shape shape) && {
  if (element_count(shape) != size_) {
    throw std::logic_error(
        fmt::format("{} cannot be reshaped to {}", to_string(shape_), to_string(shape)));
  }
  shape_ = std::move(shape);
  return std::move(*this);
}

}  // namespace ctclip
