#include "models/bert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/kernels.h"

namespace ctclip::models {
namespace {

constexpr float kEpsilon = 1e-12F;  // layer_norm_eps of BERT
constexpr int64_t kUsualRows = 128;

int64_t require_divides(int64_t heads, int64_t hidden) {
  if (heads <= 0 || hidden % heads != 0) {
    throw Error(
        Code::bad_model,
        fmt::format("text encoder: {} heads do not divide its hidden size {}", heads, hidden));
  }
  return heads;
}

// Attention of one head over one sequence of n tokens; rows of q, k, v and out are `stride` apart.
void attend_head(const float* q, const float* k, const float* v, int64_t n, int64_t head_dim,
                 int64_t stride, float* out, std::vector<float>& scores) {
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim)));
  scores.resize(static_cast<std::size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      scores[static_cast<std::size_t>(j)] =
          static_cast<float>(nn::dot(q + i * stride, k + j * stride, head_dim)) * scale;
    }
    float sum = 0;
    nn::softmax_numerator(scores.data(), 1, n, nullptr, &sum);
    float* row = out + i * stride;
    std::fill_n(row, head_dim, 0.0F);
    for (int64_t j = 0; j < n; ++j) {
      const float weight = scores[static_cast<std::size_t>(j)] / sum;
      for (int64_t d = 0; d < head_dim; ++d) row[d] += weight * v[j * stride + d];
    }
  }
}

}  // namespace

Bert::Bert(const Weights& weights, int64_t heads, const nn::Engine& engine)
    : hidden_(weights.shape("embeddings.word_embeddings.weight").at(1)),
      heads_(require_divides(heads, hidden_)),
      words_(weights.take("embeddings.word_embeddings.weight", {-1, hidden_})),
      positions_(weights.take("embeddings.position_embeddings.weight", {-1, hidden_})),
      token_types_(weights.take("embeddings.token_type_embeddings.weight", {-1, hidden_})),
      embedding_norm_(weights.scope("embeddings.LayerNorm"), hidden_, kEpsilon) {
  const Weights layers = weights.scope("encoder.layer");
  const int64_t depth = count_layers(layers, "attention.self.query.weight");
  const auto linear = [&](const Weights& scope, int64_t in, int64_t out) {
    return take_linear(scope, in, out, true, engine, kUsualRows);
  };
  for (int64_t i = 0; i < depth; ++i) {
    const Weights layer = layers.scope(std::to_string(i));
    const Weights attention = layer.scope("attention");
    const int64_t inner = layer.shape("intermediate.dense.weight").at(0);
    layers_.push_back({linear(attention.scope("self.query"), hidden_, hidden_),
                       linear(attention.scope("self.key"), hidden_, hidden_),
                       linear(attention.scope("self.value"), hidden_, hidden_),
                       linear(attention.scope("output.dense"), hidden_, hidden_),
                       LayerNorm(attention.scope("output.LayerNorm"), hidden_, kEpsilon),
                       linear(layer.scope("intermediate.dense"), hidden_, inner),
                       linear(layer.scope("output.dense"), inner, hidden_),
                       LayerNorm(layer.scope("output.LayerNorm"), hidden_, kEpsilon)});
  }
}

Tensor Bert::embed(std::span<const std::vector<int32_t>> sequences) const {
  int64_t tokens = 0;
  for (const auto& sequence : sequences) tokens += static_cast<int64_t>(sequence.size());
  Tensor x = Tensor::uninitialised({tokens, hidden_});
  float* out = x.data();
  for (const auto& sequence : sequences) {
    const auto length = static_cast<int64_t>(sequence.size());
    if (length > positions()) {
      throw Error(Code::bad_model,
                  fmt::format("text encoder: a prompt of {} tokens, at most {} have positions",
                              length, positions()));
    }
    for (int64_t position = 0; position < length; ++position, out += hidden_) {
      const int32_t id = sequence[static_cast<std::size_t>(position)];
      if (id < 0 || id >= vocabulary()) {
        throw Error(
            Code::bad_model,
            fmt::format("text encoder: token id {} of the vocabulary, the checkpoint has {}", id,
                        vocabulary()));
      }
      std::copy_n(words_.data() + id * hidden_, hidden_, out);
      nn::add(token_types_.data(), hidden_, out);
      nn::add(positions_.data() + position * hidden_, hidden_, out);
    }
  }
  embedding_norm_(x.data(), tokens, x.data());
  return x;
}

void Bert::attend(const Layer& layer, const Tensor& x,
                  std::span<const std::vector<int32_t>> sequences, Tensor& context) const {
  const int64_t tokens = x.dim(0);
  Tensor q = Tensor::uninitialised(x.shape());
  Tensor k = Tensor::uninitialised(x.shape());
  Tensor v = Tensor::uninitialised(x.shape());
  layer.query(x.data(), tokens, q.data());
  layer.key(x.data(), tokens, k.data());
  layer.value(x.data(), tokens, v.data());
  const int64_t head_dim = hidden_ / heads_;
  std::vector<float> scores;
  int64_t start = 0;
  for (const auto& sequence : sequences) {
    const auto length = static_cast<int64_t>(sequence.size());
    for (int64_t head = 0; head < heads_; ++head) {
      const int64_t offset = start * hidden_ + head * head_dim;
      attend_head(q.data() + offset, k.data() + offset, v.data() + offset, length, head_dim,
                  hidden_, context.data() + offset, scores);
    }
    start += length;
  }
}

Tensor Bert::operator()(std::span<const std::vector<int32_t>> sequences) const {
  Tensor x = embed(sequences);
  const int64_t tokens = x.dim(0);
  Tensor context = Tensor::uninitialised(x.shape());
  for (const Layer& layer : layers_) {
    attend(layer, x, sequences, context);
    layer.attention_output(context.data(), tokens, x.data(), /*add_to_y=*/true);
    layer.attention_norm(x.data(), tokens, x.data());  // a = LayerNorm(dense(context) + x)
    Tensor hidden = Tensor::uninitialised({tokens, layer.intermediate.out()});
    layer.intermediate(x.data(), tokens, hidden.data());
    nn::gelu(hidden.data(), hidden.size());
    layer.output(hidden.data(), tokens, x.data(), /*add_to_y=*/true);
    layer.output_norm(x.data(), tokens, x.data());  // LayerNorm(dense(gelu(dense(a))) + a)
  }
  return x;
}

}  // namespace ctclip::models
