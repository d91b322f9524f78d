#include "models/transformer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "nn/bf16_rows.h"
#include "nn/kernels.h"

namespace ctclip::models {
namespace {

constexpr float kEpsilon = 1e-5F;    // of every LayerNorm of CT-ViT
constexpr float kScoreScale = 8;     // CT-ViT's attention multiplies the cosines by it
constexpr int64_t kTokenRows = 144;  // of a task's products
constexpr int64_t kRunTokens = 8;    // of a task of the position encoding
constexpr int64_t kHiddenRows = 72;  // where there is a hidden layer, which is to stay in L2

Tensor tap_major(const Tensor& weight) {  // (D, 1, 3, 3, 3) -> (27, D)
  const int64_t dim = weight.dim(0);
  Tensor out = Tensor::uninitialised({27, dim});
  for (int64_t channel = 0; channel < dim; ++channel) {
    for (int64_t tap = 0; tap < 27; ++tap) {
      out.data()[tap * dim + channel] = weight.data()[channel * 27 + tap];
    }
  }
  return out;
}

int64_t head_size(const Weights& scope) { return element_count(scope.shape("q_scale")); }

}  // namespace

PositionEncodingGenerator::PositionEncodingGenerator(const Weights& scope, int64_t dim)
    : weight_(tap_major(scope.take("dsconv.weight", {dim, 1, 3, 3, 3}))),
      bias_(scope.take("dsconv.bias", {dim})) {}

void PositionEncodingGenerator::operator()(const float* x, const Grid& grid, float* out,
                                           const Pass& pass) const {
  const int64_t runs = (grid.w + kRunTokens - 1) / kRunTokens;
  pass.engine.pool().run(grid.h * runs, [&](int64_t run) {
    const int64_t begin = run % runs * kRunTokens;
    nn::depthwise_row(
        {x, grid.t, grid.h, grid.w, bias_.size(), weight_.data(), bias_.data(), out, run / runs},
        begin, std::min(grid.w, begin + kRunTokens));
  });
}

CosineAttention::CosineAttention(const Weights& scope, int64_t dim, int64_t heads,
                                 int64_t sequences, int64_t length, const nn::Engine& engine)
    : dim_(dim),
      heads_(heads),
      head_dim_(head_size(scope)),
      sequences_(sequences),
      length_(length),
      norm_(scope.scope("norm"), dim, kEpsilon, "gamma", "beta"),
      to_q_(take_linear(scope.scope("to_q"), dim, heads * head_dim_, false, engine, kTokenRows)),
      to_kv_(
          take_linear(scope.scope("to_kv"), dim, 2 * heads * head_dim_, false, engine, kTokenRows)),
      to_out_(
          take_linear(scope.scope("to_out"), heads * head_dim_, dim, false, engine, kTokenRows)),
      q_scale_(scope.take("q_scale", {head_dim_})),
      k_scale_(scope.take("k_scale", {head_dim_})),
      group_(std::clamp<int64_t>(kTokenRows / length, 1, sequences)),
      head_(length, head_dim_, engine) {
  for (float& scale : q_scale_.values()) scale *= kScoreScale;
}

void CosineAttention::attend(const float* q, const float* kv, const Tensor* bias, float* out,
                             nn::Workspace& work) const {
  const int64_t width = heads_ * head_dim_;  // of q and of out; k and v lie side by side
  for (int64_t i = 0; i < heads_; ++i) {
    const int64_t offset = i * head_dim_;
    head_({q + offset, length_, width}, kv + offset, kv + width + offset, 2 * width,
          bias == nullptr ? nullptr : bias->data() + i * length_ * length_,
          {out + offset, length_, width}, work);
  }
}

void CosineAttention::operator()(float* x, const Tensor* bias, const Pass& pass) const {
  const int64_t width = heads_ * head_dim_;
  const int64_t most = group_ * length_;
  pass.engine.pool().run_blocks(sequences_, group_, [&](int64_t begin, int64_t end) {
    pass.watch.check();
    const int64_t rows = (end - begin) * length_;
    float* tokens = x + begin * length_ * dim_;
    auto normed = pass.work.borrow(most * dim_);
    auto q = pass.work.borrow(most * width);
    auto kv = pass.work.borrow(most * 2 * width);
    auto out =
        pass.work.borrow(most * width + 1);  // its own size class: q is read while it is written

    norm_(tokens, rows, normed.data());
    to_q_(normed.data(), rows, q.data());  // q = to_q(norm(x))
    to_kv_(tokens, rows, kv.data());       // k, v = to_kv(x).chunk(2): of x itself, not of norm(x)
    nn::unit_heads(q.data(), rows, width, heads_, head_dim_, q_scale_.data());
    nn::unit_heads(kv.data(), rows, 2 * width, heads_, head_dim_, k_scale_.data());
    for (int64_t row = 0; row < rows; row += length_) {
      attend(q.data() + row * width, kv.data() + row * 2 * width, bias, out.data() + row * width,
             pass.work);
    }
    to_out_(out.data(), rows, tokens, /*add_to_y=*/true);
  });
}

FeedForward::FeedForward(const Weights& scope, int64_t dim, const nn::Engine& engine)
    : dim_(dim),
      inner_(scope.shape("4.weight").at(1)),
      rounded_(engine.precision() == nn::Precision::bf16),
      norm_(scope.scope("0"), dim, kEpsilon),
      up_(take_linear(scope.scope("1"), dim, 2 * inner_, false, engine, kHiddenRows)),
      down_(take_linear(scope.scope("4"), inner_, dim, false, engine, kHiddenRows)) {}

void FeedForward::operator()(float* x, int64_t rows, const Pass& pass) const {
  pass.engine.pool().run_blocks(rows, kHiddenRows, [&](int64_t begin, int64_t end) {
    pass.watch.check();
    float* tokens = x + begin * dim_;
    auto normed = pass.work.borrow(kHiddenRows * dim_);
    auto hidden = pass.work.borrow(kHiddenRows * 2 * inner_);
    auto gated = pass.work.borrow(kHiddenRows * inner_);
    norm_(tokens, end - begin, normed.data());
    up_(normed.data(), end - begin, hidden.data());
    if (rounded_) {
      nn::geglu_bf16(hidden.data(), end - begin, inner_, as_bf16(gated.data()));
      down_(as_bf16(gated.data()), end - begin, tokens, /*add_to_y=*/true);
    } else {
      nn::geglu(hidden.data(), end - begin, inner_, gated.data());
      down_(gated.data(), end - begin, tokens, /*add_to_y=*/true);
    }
  });
}

Transformer::Transformer(const Weights& scope, int64_t dim, int64_t heads, int64_t sequences,
                         int64_t length, const nn::Engine& engine)
    : norm_out_(scope.scope("norm_out"), dim, kEpsilon, "gamma", "beta") {
  const Weights layers = scope.scope("layers");
  const int64_t depth = count_layers(layers, "1.to_q.weight");
  for (int64_t i = 0; i < depth; ++i) {
    const Weights layer = layers.scope(std::to_string(i));
    layers_.push_back({PositionEncodingGenerator(layer.scope("0"), dim),
                       CosineAttention(layer.scope("1"), dim, heads, sequences, length, engine),
                       FeedForward(layer.scope("3"), dim, engine)});
  }
}

Tensor Transformer::operator()(Tensor x, const Grid& grid, const Tensor* bias,
                               std::string_view name, const Pass& pass) const {
  const auto trace = [&](std::size_t layer, std::string_view step) {
    if (pass.trace) pass.trace(fmt::format("{}_layer{}_{}", name, layer, step), x);
  };
  const int64_t dim = norm_out_.dim();
  Tensor other = pass.work.take(x.shape());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].peg(x.data(), grid, other.data(), pass);  // x = peg(x) + x
    std::swap(x, other);
    trace(i, "peg");
    layers_[i].attention(x.data(), bias, pass);  // x = attn(x) + x
    trace(i, "attn");
    layers_[i].feed_forward(x.data(), grid.tokens(), pass);  // x = ff(x) + x
    trace(i, "ff");
  }
  pass.engine.pool().run_blocks(grid.tokens(), kTokenRows, [&](int64_t begin, int64_t end) {
    norm_out_(x.data() + begin * dim, end - begin, x.data() + begin * dim);
  });
  pass.work.give(std::move(other));
  return x;
}

}  // namespace ctclip::models
