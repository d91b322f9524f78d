#pragma once

#include <memory>
#include <string>

#include "base/parallel.h"

namespace ctclip::nn {

/// How the networks compute. A property of the engine that layers are built with, not a fork of the
/// code. bf16: what a Linear, a convolution or an attention multiplies is rounded to bfloat16 (8
/// significant bits) and its products accumulated in float32; norms, softmax, residuals and
/// everything else stay float32.
enum class Precision { f32, bf16 };

/// What layers are built with: the threads and the precision. The work is split over the pool by
/// the models (tokens, sequences, slices), and every oneDNN call computes on the one thread that
/// makes it: no second set of threads competes with the pool, and several studies can compute at
/// once.
class Engine {
 public:
  explicit Engine(ThreadPool& pool, Precision precision = Precision::f32)
      : pool_(&pool), precision_(precision) {}

  ThreadPool& pool() const { return *pool_; }
  Precision precision() const { return precision_; }
  /// The same threads in float32: for what is not rounded in any precision.
  Engine in_f32() const { return Engine(*pool_); }

 private:
  ThreadPool* pool_;
  Precision precision_;
};

}  // namespace ctclip::nn
