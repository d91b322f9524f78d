#pragma once

#include <cstdint>
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
    ~Lease() { owner_->give_back(std::move(buffer_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    float* data() { return buffer_.data(); }

   private:
    Workspace* owner_;
    Tensor buffer_;
  };

  /// At least `count` floats, whatever they held before.
  [[nodiscard]] Lease borrow(int64_t count) {
    const std::lock_guard lock(mutex_);
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->size() != count) continue;
      Tensor buffer = std::move(*it);
      free_.erase(it);
      return {*this, std::move(buffer)};
    }
    return {*this, Tensor::uninitialised({count})};
  }

 private:
  void give_back(Tensor buffer) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(buffer));
  }

  std::mutex mutex_;
  std::vector<Tensor> free_;
};

}  // namespace ctclip::nn
