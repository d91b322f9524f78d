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

/// What stands in the room before a tensor's data: whose memory they are in, none for the tensor's
/// own. So a tensor stays one pointer, wherever its memory comes from.
struct Origin {
  std::shared_ptr<void> owner;
};
static_assert(sizeof(Origin) <= Tensor::kRoom);

std::byte* room_before(float* data) { return reinterpret_cast<std::byte*>(data) - Tensor::kRoom; }

float* put_origin(std::byte* memory, std::shared_ptr<void> owner) {
  new (memory) Origin{std::move(owner)};
  return reinterpret_cast<float*>(memory + Tensor::kRoom);
}

}  // namespace

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
  auto* origin = std::launder(reinterpret_cast<Origin*>(room_before(data)));
  const std::shared_ptr<void> owner = std::move(origin->owner);
  origin->~Origin();
  if (!owner) ::operator delete[](static_cast<void*>(origin), kAlignment);
}

Tensor Tensor::uninitialised(Shape shape) {
  Tensor tensor;
  tensor.size_ = element_count(shape);
  if (tensor.size_ >
      std::numeric_limits<int64_t>::max() / int64_t{sizeof(float)} - int64_t{kRoom}) {
    throw std::length_error("impossible shape " + to_string(shape));
  }
  const auto bytes = static_cast<std::size_t>(tensor.size_) * sizeof(float);
  auto* memory = static_cast<std::byte*>(::operator new[](kRoom + bytes, kAlignment));
  tensor.data_.reset(put_origin(memory, nullptr));
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
  tensor.data_.reset(put_origin(room_before(data), std::move(owner)));
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
