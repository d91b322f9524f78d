#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "base/tensor.h"

namespace ctclip {

/// Bytes that nobody writes any more and that live as long as anyone holds them: memory of this
/// process, or pages of a mapped file that other processes read, too. Aligned to 64 bytes.
struct SharedBytes {
  std::shared_ptr<const std::byte> data;
  std::size_t size = 0;

  /// New memory of that size, written by `fill` once.
  static SharedBytes made(std::size_t size, const std::function<void(std::byte*)>& fill);
};

/// A Tensor that nobody writes any more: its own, or a view of shared bytes. Cheap to copy; any
/// number of threads may read it.
class SharedTensor {
 public:
  SharedTensor() = default;
  SharedTensor(Tensor tensor);  // NOLINT(google-explicit-constructor): from now on read-only
  /// std::logic_error where the bytes are not as many.
  SharedTensor(SharedBytes bytes, Shape shape);

  Tensor clone() const;
  /// The same data under another shape of the same element count (std::logic_error otherwise).
  SharedTensor reshaped(Shape shape) const;

  const Shape& shape() const { return shape_; }
  int64_t dim(std::size_t axis) const { return shape_.at(axis); }
  int64_t size() const { return static_cast<int64_t>(bytes_.size / sizeof(float)); }
  bool empty() const { return bytes_.size == 0; }

  const float* data() const { return reinterpret_cast<const float*>(bytes_.data.get()); }
  std::span<const float> values() const { return {data(), bytes_.size / sizeof(float)}; }

 private:
  SharedBytes bytes_;
  Shape shape_ = {0};
};

}  // namespace ctclip
