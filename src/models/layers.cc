#include "models/layers.h"

#include "nn/kernels.h"

namespace ctclip::models {

nn::Linear take_linear(const Weights& scope, int64_t in, int64_t out, bool bias,
                       const nn::Engine& engine, int64_t usual_rows) {
  const LazyTensor weight = scope.lazy("weight", {out, in});
  const Tensor shift = bias ? scope.take("bias", {weight.dim(0)}) : Tensor();
  return {weight, shift, engine, usual_rows};
}

LayerNorm::LayerNorm(const Weights& scope, int64_t dim, float epsilon, const std::string& gain,
                     const std::string& shift)
    : gain_(scope.take(gain, {dim})), shift_(scope.take(shift, {dim})), epsilon_(epsilon) {}

void LayerNorm::operator()(const float* x, int64_t rows, float* out) const {
  nn::layer_norm(x, rows, dim(), gain_.data(), shift_.data(), epsilon_, out);
}

int64_t count_layers(const Weights& scope, const std::string& tensor) {
  int64_t count = 0;
  while (scope.contains(std::to_string(count) + "." + tensor)) ++count;
  return count;
}

}  // namespace ctclip::models
