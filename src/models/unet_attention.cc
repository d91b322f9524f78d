#include "models/unet_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "nn/kernels.h"

namespace ctclip::models {
namespace {

constexpr int64_t kMostPositions = 1 << 14;  // whose scores are a GiB; real networks have 1,024

int64_t require_heads(const Weights& scope, int64_t channels, int64_t head_size,
                      int64_t positions) {
  if (head_size < 1 || channels % head_size != 0 || positions > kMostPositions) {
    throw Error(Code::bad_model,
                fmt::format("{}: {}: expected heads of {} channels that divide its {} and at most "
                            "{} positions, found {}",
                            scope.checkpoint().path().string(), scope.full_name(""), head_size,
                            channels, kMostPositions, positions));
  }
  return head_size;
}

/// Scores are q k^T / sqrt(d): the factor goes into the rows that make q.
struct QueryRows {
  int64_t channels, head_size;
  bool by_head;  ///< the channels of qkv are split by head first
  bool contain(int64_t row) const {
    return by_head ? row % (3 * head_size) < head_size : row < channels;
  }
};

// (3 channels, ...) with its rows of q scaled.
Tensor scaled(Tensor result, const QueryRows& queries) {
  const float factor = 1 / std::sqrt(static_cast<float>(queries.head_size));
  const int64_t width = result.size() / result.dim(0);
  for (int64_t row = 0; row < result.dim(0); ++row) {
    if (!queries.contain(row)) continue;
    for (int64_t i = 0; i < width; ++i) result.data()[row * width + i] *= factor;
  }
  return result;
}

WithBackward<nn::Linear> take_qkv(const Weights& scope, const QueryRows& queries, int64_t positions,
                                  const nn::Engine& engine, bool gradient) {
  const int64_t channels = queries.channels;
  const LazyTensor stored =
      scope.lazy("weight", {3 * channels, channels, 1}).reshaped({3 * channels, channels});
  const LazyTensor weight =
      stored.derive(fmt::format("queries of {} scaled", queries.head_size), stored.shape(),
                    [stored, queries] { return scaled(stored.values().clone(), queries); });
  return make_pointwise(weight, scaled(scope.take("bias", {3 * channels}), queries), positions,
                        engine, gradient);
}

nn::MatrixBatch matrix(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  const int64_t whole = rows * columns;
  return {1, 1, rows, columns, whole, whole, row_stride, column_stride};
}

// The gradient through a softmax: p (g - sum(p g)), over `grad` in place.
void softmax_backward(const float* p, int64_t rows, int64_t dim, float* grad) {
  for (int64_t row = 0; row < rows; ++row, p += dim, grad += dim) {
    const auto along = static_cast<float>(nn::dot(p, grad, dim));
    for (int64_t i = 0; i < dim; ++i) grad[i] = p[i] * (grad[i] - along);
  }
}

void add_scaled(const float* x, float factor, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

// (channels, positions + 1) as stored -> a row for each position.
Tensor take_places(const Weights& scope, int64_t channels, int64_t positions) {
  const Tensor stored = scope.take("positional_embedding", {channels, positions + 1});
  Tensor out = Tensor::uninitialised({positions + 1, channels});
  for (int64_t i = 0; i < stored.size(); ++i) {
    out.data()[i % (positions + 1) * channels + i / (positions + 1)] = stored.data()[i];
  }
  return out;
}

}  // namespace

AttentionBlock::AttentionBlock(const Weights& scope, int64_t channels, int64_t head_size,
                               ImageSize size, const nn::Engine& engine, bool gradient)
    : channels_(channels),
      head_size_(require_heads(scope, channels, head_size, size.height * size.width)),
      positions_(size.height * size.width),
      norm_(scope.scope("norm"), channels),
      qkv_(take_qkv(scope.scope("qkv"), {channels, head_size, true}, positions_, engine, gradient)),
      out_(take_pointwise(scope.scope("proj_out"), channels, channels, 1, positions_, engine,
                          gradient)),
      head_(positions_, head_size, engine) {
  if (gradient) backward_ = make_backward();
}

AttentionBlock::Backward AttentionBlock::make_backward() const {
  const int64_t wide = 3 * channels_;
  const nn::MatrixBatch square = matrix(positions_, positions_, positions_, 1);
  const nn::MatrixBatch flipped = matrix(positions_, positions_, 1, positions_);
  const nn::MatrixBatch part = matrix(positions_, head_size_, wide, 1);  // of qkv or its gradient
  const nn::MatrixBatch across = matrix(head_size_, positions_, 1, wide);
  const nn::MatrixBatch grad = matrix(positions_, head_size_, channels_, 1);
  return {nn::BatchMatMul(part, across, square), nn::BatchMatMul(flipped, grad, part),
          nn::BatchMatMul(grad, across, square), nn::BatchMatMul(square, part, part),
          nn::BatchMatMul(flipped, part, part)};
}

void AttentionBlock::attention_weights(const float* qkv, float* scores, nn::Workspace& work) const {
  auto sums = work.borrow(positions_);
  backward_->scores(qkv, qkv + head_size_, scores);
  nn::softmax_numerator(scores, positions_, positions_, nullptr, sums.data());
  nn::divide_rows(scores, positions_, positions_, positions_, sums.data());
}

int64_t AttentionBlock::flops() const {
  const int64_t linears = 4 * channels_ * channels_;    // q, k, v and the projection
  const int64_t products = 2 * positions_ * channels_;  // scores and values
  return 2 * positions_ * (linears + products);
}

Image AttentionBlock::operator()(const Image& x, const Pass& pass,
                                 std::optional<Tape>* tape) const {
  pass.watch.check();
  NormMap norm = norm_.map(x, nullptr, pass.work);
  Image inner = Image::borrow(pass.work, x.size, channels_);
  auto qkv = pass.work.borrow(positions_ * 3 * channels_);
  nn::normalise(x.data(), positions_, channels_, norm.map(), inner.data());
  qkv_.forward(inner.data(), positions_, qkv.data());
  const int64_t wide = 3 * channels_;
  for (int64_t head = 0; head < channels_ / head_size_; ++head) {
    const float* part = qkv.data() + head * 3 * head_size_;
    head_({part, positions_, wide}, part + head_size_, part + 2 * head_size_, wide, nullptr,
          {inner.data() + head * head_size_, positions_, channels_}, pass.work);
  }
  Image y = Image::borrow(pass.work, x.size, channels_);
  std::copy_n(x.data(), x.count(), y.data());
  out_.forward(inner.data(), positions_, y.data(), /*add_to_y=*/true);
  if (tape != nullptr) tape->emplace(Tape{std::move(norm), std::move(qkv)});
  return y;
}

Image AttentionBlock::backward(const Image& x, Tape& tape, const Image& grad,
                               const Pass& pass) const {
  pass.watch.check();
  Image inner = Image::borrow(pass.work, x.size, channels_);  // with respect to all heads' results
  auto grad_qkv = pass.work.borrow(positions_ * 3 * channels_);
  auto weights = pass.work.borrow(positions_ * positions_);
  auto grad_weights = pass.work.borrow(positions_ * positions_);
  out_.backward->operator()(grad.data(), positions_, inner.data());
  for (int64_t head = 0; head < channels_ / head_size_; ++head) {
    const float* q = tape.qkv.data() + head * 3 * head_size_;
    const float* k = q + head_size_;
    float* grad_q = grad_qkv.data() + head * 3 * head_size_;
    const float* grad_out = inner.data() + head * head_size_;
    attention_weights(q, weights.data(), pass.work);
    backward_->values(weights.data(), grad_out, grad_q + 2 * head_size_);
    backward_->weights(grad_out, k + head_size_, grad_weights.data());
    softmax_backward(weights.data(), positions_, positions_, grad_weights.data());
    backward_->queries(grad_weights.data(), k, grad_q);
    backward_->keys(grad_weights.data(), q, grad_q + head_size_);
  }
  qkv_.backward->operator()(grad_qkv.data(), positions_, inner.data());
  Image result = Image::borrow(pass.work, x.size, channels_);
  std::copy_n(grad.data(), grad.count(), result.data());
  GroupNorm::backward(x, tape.norm, inner.data(), result.data());
  return result;
}

AttentionPool::AttentionPool(const Weights& scope, int64_t channels, int64_t head_size,
                             int64_t positions, const nn::Engine& engine, bool gradient)
    : channels_(channels),
      head_size_(require_heads(scope, channels, head_size, positions)),
      positions_(positions),
      place_(take_places(scope, channels, positions)),
      qkv_(take_qkv(scope.scope("qkv_proj"), {channels, head_size, false}, positions + 1, engine,
                    gradient)),
      classes_(scope.take("c_proj.weight", {-1, channels, 1})),
      bias_(scope.take("c_proj.bias", {classes_.dim(0)})) {}

// Only the mean asks: one query for each head.
int64_t AttentionPool::flops() const {
  const int64_t tokens = positions_ + 1;
  return 2 * tokens * (3 * channels_ * channels_ + 2 * channels_) + 2 * classes_.size();
}

Tensor AttentionPool::operator()(const Image& x, const Pass& pass,
                                 std::optional<Tape>* tape) const {
  const int64_t tokens = positions_ + 1;
  const int64_t heads = channels_ / head_size_;
  auto rows = pass.work.borrow(tokens * channels_);
  auto qkv = pass.work.borrow(tokens * 3 * channels_);
  auto weights = pass.work.borrow(heads * tokens);
  std::fill_n(rows.data(), channels_, 0.0F);
  for (int64_t p = 0; p < positions_; ++p) {
    add_scaled(x.data() + p * channels_, 1 / static_cast<float>(positions_), channels_,
               rows.data());
  }
  std::copy_n(x.data(), x.count(), rows.data() + channels_);
  nn::add(place_.data(), place_.size(), rows.data());
  qkv_.forward(rows.data(), tokens, qkv.data());

  Tensor pooled = Tensor::zeros({channels_});  // of the first token: the only one that counts
  for (int64_t head = 0; head < heads; ++head) {
    const float* part = qkv.data() + head * head_size_;
    float* line = weights.data() + head * tokens;
    float sum = 0;
    for (int64_t i = 0; i < tokens; ++i) {
      const float* key = part + i * 3 * channels_ + channels_;
      line[i] = static_cast<float>(nn::dot(part, key, head_size_));
    }
    nn::softmax_numerator(line, 1, tokens, nullptr, &sum);
    nn::divide_rows(line, 1, tokens, tokens, &sum);
    for (int64_t i = 0; i < tokens; ++i) {
      const float* value = part + i * 3 * channels_ + 2 * channels_;
      add_scaled(value, line[i], head_size_, pooled.data() + head * head_size_);
    }
  }
  Tensor logits = bias_.clone();
  for (int64_t i = 0; i < logits.size(); ++i) {
    logits.data()[i] +=
        static_cast<float>(nn::dot(classes_.data() + i * channels_, pooled.data(), channels_));
  }
  if (tape != nullptr) tape->emplace(Tape{std::move(qkv), std::move(weights)});
  return logits;
}

Image AttentionPool::backward(ImageSize size, Tape& tape, const Tensor& grad,
                              const Pass& pass) const {
  const int64_t tokens = positions_ + 1;
  auto grad_qkv = pass.work.borrow(tokens * 3 * channels_);
  auto line = pass.work.borrow(tokens);
  Tensor pooled = Tensor::zeros({channels_});
  for (int64_t i = 0; i < grad.size(); ++i) {
    add_scaled(classes_.data() + i * channels_, grad.data()[i], channels_, pooled.data());
  }
  std::fill_n(grad_qkv.data(), tokens * 3 * channels_, 0.0F);
  for (int64_t head = 0; head < channels_ / head_size_; ++head) {
    const float* q = tape.qkv.data() + head * head_size_;
    float* grad_q = grad_qkv.data() + head * head_size_;
    const float* weights = tape.weights.data() + head * tokens;
    const float* grad_out = pooled.data() + head * head_size_;
    for (int64_t i = 0; i < tokens; ++i) {
      const float* value = q + i * 3 * channels_ + 2 * channels_;
      line.data()[i] = static_cast<float>(nn::dot(grad_out, value, head_size_));
    }
    softmax_backward(weights, 1, tokens, line.data());
    for (int64_t i = 0; i < tokens; ++i) {
      const int64_t row = i * 3 * channels_;
      add_scaled(q + row + channels_, line.data()[i], head_size_, grad_q);
      add_scaled(q, line.data()[i], head_size_, grad_q + row + channels_);
      add_scaled(grad_out, weights[i], head_size_, grad_q + row + 2 * channels_);
    }
  }
  auto rows = pass.work.borrow(tokens * channels_);
  qkv_.backward->operator()(grad_qkv.data(), tokens, rows.data());
  Image result = Image::borrow(pass.work, size, channels_);
  std::copy_n(rows.data() + channels_, result.count(), result.data());
  for (int64_t p = 0; p < positions_; ++p) {
    add_scaled(rows.data(), 1 / static_cast<float>(positions_), channels_,
               result.data() + p * channels_);
  }
  return result;
}

}  // namespace ctclip::models
