#pragma once

#include <string>

#include "base/tensor.h"
#include "checkpoint/checkpoint.h"
#include "nn/engine.h"
#include "nn/matmul.h"

namespace ctclip::models {

/// torch.nn.Linear under `scope`: weight (out, in) and, with `bias`, bias (out). Either size may be
/// -1: taken from the file.
nn::Linear take_linear(const Weights& scope, int64_t in, int64_t out, bool bias,
                       const nn::Engine& engine, int64_t usual_rows = 128);

/// Weight and bias of a normalisation over the last axis (dim), single-threaded on the rows it is
/// given.
class LayerNorm {
 public:
  /// `gain`, `shift`: what the module calls them ("weight", "bias" | "gamma", "beta").
  LayerNorm(const Weights& scope, int64_t dim, float epsilon, const std::string& gain = "weight",
            const std::string& shift = "bias");
  /// x (rows, dim) -> out (rows, dim); out may be x.
  void operator()(const float* x, int64_t rows, float* out) const;
  int64_t dim() const { return gain_.size(); }

 private:
  Tensor gain_, shift_;
  float epsilon_;
};

/// How many of scope.0, scope.1, ... exist, judged by a tensor that each has.
int64_t count_layers(const Weights& scope, const std::string& tensor);

}  // namespace ctclip::models
