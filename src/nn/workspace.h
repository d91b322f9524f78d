#pragma once

#include <cstdint>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "base/tensor.h"

namespace ctclip::nn {

/// Scratch memory of one caller. Buffers are lent to the tasks of a forward pass and kept for the
/// next task, so that loops allocate nothing after their first round. Any thread may borrow.
class Workspace {
 public:
  class Lease {
   public:
    Lease(Workspace& owner, Tensor buffer) : owner_(&owner), buffer_(std::move(buffer)) {}
    ~Lease() {
      if (owner_ != nullptr) owner_->give(std::move(buffer_));
    }
    Lease(Lease&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), buffer_(std::move(other.buffer_)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(buffer_, other.buffer_);
      return *this;
    }
    float* data() { return buffer_.data(); }
    const float* data() const { return buffer_.data(); }

   private:
    Workspace* owner_;
    Tensor buffer_;
  };

  /// `count` floats, whatever they held before: the buffer of that size that was given back last,
  /// which the caches still know.
  [[nodiscard]] Lease borrow(int64_t count) { return {*this, take({count})}; }

  /// The same as a tensor to keep, or to give back: fresh memory costs a page fault every 4 KiB.
  [[nodiscard]] Tensor take(Shape shape) {
    const int64_t count = element_count(shape);
    const std::lock_guard lock(mutex_);
    for (auto it = free_.rbegin(); it != free_.rend(); ++it) {
      if (it->size() != count) continue;
      Tensor buffer = std::move(*it);
      free_.erase(std::next(it).base());
      return std::move(buffer).reshaped(std::move(shape));
    }
    return Tensor::uninitialised(std::move(shape));
  }

  void give(Tensor buffer) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(buffer));
  }

 private:
  std::mutex mutex_;
  std::vector<Tensor> free_;
};

}  // namespace ctclip::nn
