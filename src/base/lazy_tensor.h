#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/shared_tensor.h"

namespace ctclip {

/// Keeps what was made of tensors, so that it need not be made again: the layouts that kernels
/// read, tables computed once. A form is found by the tensor's name and its own, which says
/// everything that its bytes depend on. Thread-safe, but for one that is being written.
class FormStore {
 public:
  virtual ~FormStore() = default;
  /// The form's `size` bytes: the kept ones, or those that `fill` writes.
  virtual SharedBytes form(const std::string& tensor, const std::string& form, std::size_t size,
                           const std::function<void(std::byte*)>& fill) const = 0;
  /// The tensor itself from another form of it, where one tells every value exactly.
  virtual std::optional<Tensor> recover(const std::string& tensor) const = 0;
};

/// A tensor whose values are read only when somebody needs them: a layer that finds its packed form
/// never does. Cheap to copy; any number of threads may call it.
class LazyTensor {
 public:
  /// Views `tensor`, which must outlive it.
  LazyTensor(const Tensor& tensor);  // NOLINT(google-explicit-constructor): layers take either
  LazyTensor(Tensor&& tensor);       // NOLINT(google-explicit-constructor)
  /// `store` may be null: then every form is made.
  LazyTensor(std::string name, Shape shape, std::function<SharedTensor()> read,
             std::shared_ptr<const FormStore> store);

  const Shape& shape() const { return shape_; }
  int64_t dim(std::size_t axis) const { return shape_.at(axis); }
  /// Throws what reading throws.
  SharedTensor values() const;
  /// Its `size` bytes in a form that `fill` would write.
  SharedBytes form(const std::string& form, std::size_t size,
                   const std::function<void(std::byte*)>& fill) const;
  /// The values in memory that is shared with other processes where a store has them.
  SharedTensor kept() const;
  /// Another tensor that is made of this one by a step with that name.
  LazyTensor derive(std::string_view step, Shape shape, std::function<SharedTensor()> make) const;
  /// The same values under another shape of the same element count.
  LazyTensor reshaped(Shape shape) const;

 private:
  std::string name_;
  Shape shape_;
  std::function<SharedTensor()> read_;
  std::shared_ptr<const FormStore> store_;
};

}  // namespace ctclip
