#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ctclip {

using Shape = std::vector<int64_t>;

/// Product of the dimensions; 1 for a scalar. Throws std::length_error when it does not fit or is
/// negative.
int64_t element_count(const Shape& shape);
/// "[64, 400]"
std::string to_string(const Shape& shape);

/// A dense float32 array in row-major order, its data aligned to 64 bytes. Moves; copies only by
/// `clone`.
class Tensor {
 public:
  Tensor() = default;
  /// Memory that nothing has written yet.
  static Tensor uninitialised(Shape shape);
  static Tensor zeros(Shape shape);
  /// Memory of somebody else's (a mapping): `data` is aligned to 64 bytes and stays while `owner`
  /// does, which goes with the tensor.
  static Tensor over(Shape shape, float* data, std::shared_ptr<void> owner);

  Tensor clone() const;
  /// The same data under another shape of the same element count (std::logic_error otherwise).
  Tensor reshaped(Shape shape) &&;

  const Shape& shape() const { return shape_; }
  int64_t dim(std::size_t axis) const { return shape_.at(axis); }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::span<float> values() { return {data_.get(), static_cast<std::size_t>(size_)}; }
  std::span<const float> values() const { return {data_.get(), static_cast<std::size_t>(size_)}; }

 private:
  struct Free {
    std::shared_ptr<void> owner;  // of memory that isn't the tensor's own
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Free> data_;
  Shape shape_ = {0};
  int64_t size_ = 0;
};

}  // namespace ctclip
