#include "models/encoder_unet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/error.h"

namespace ctclip::models {
namespace {

constexpr int64_t kLargestImage = 2048;

// torch.softmax of a few logits.
Tensor softmax(const Tensor& logits) {
  Tensor p = logits.clone();
  const float top = *std::max_element(p.values().begin(), p.values().end());
  float sum = 0;
  for (float& value : p.values()) sum += value = std::exp(value - top);
  for (float& value : p.values()) value /= sum;
  return p;
}

}  // namespace

// A level has so many residual blocks and, but for the last, one more that pools. The side of the
// last level stands in the shape of its positional embedding, so the image size gives the number of
// levels; nothing else in the file tells a pooling block from another.
struct EncoderUnet::Plan {
  Plan(const Weights& weights, int64_t image_size)
      : channels(dimension(weights, "input_blocks.0.0.weight", 0, 4)) {
    while (weights.contains(fmt::format("input_blocks.{}.0.in_layers.2.weight", count + 1))) {
      ++count;
    }
    const int64_t places = dimension(weights, "out.2.positional_embedding", 1, 2) - 1;
    side = static_cast<int64_t>(
        std::lround(std::sqrt(static_cast<double>(std::max<int64_t>(places, 0)))));
    int64_t levels = 1;
    while (side > 0 && image_size >> levels >= side) ++levels;
    const bool fits = image_size > 0 && image_size <= kLargestImage && side > 0 &&
                      side * side == places && side << (levels - 1) == image_size &&
                      (count + 1) % levels == 0 && (count + 1) / levels > 1;
    if (!fits) {
      throw Error(Code::bad_model,
                  fmt::format("{}: {} input blocks and {} places of attention pooling do not fit "
                              "slices of {}x{}",
                              weights.checkpoint().path().string(), count + 1, places, image_size,
                              image_size));
    }
    level = (count + 1) / levels;
  }
  bool pools(int64_t block) const { return block % level == 0; }
  bool may_widen(int64_t block) const { return block % level == 1 && block <= count; }

  int64_t channels;
  int64_t count = 0;  // blocks behind the first convolution
  int64_t level = 0;  // blocks of a level, the pooling one with it
  int64_t side = 0;   // of the image at the end
};

struct EncoderUnet::Tape {
  struct Step {
    Image x;  // before the residual block
    std::optional<ResidualBlock::Tape> residual;
    std::optional<Image> between;  // before the attention
    std::optional<AttentionBlock::Tape> attention;
  };
  std::vector<Step> steps;
  std::optional<Image> last;
  std::optional<NormMap> norm;
  std::optional<AttentionPool::Tape> pool;
};

EncoderUnet::EncoderUnet(const Weights& weights, const Options& options, const nn::Engine& engine)
    : EncoderUnet(weights, options, Plan(weights, options.image_size), engine) {}

EncoderUnet::EncoderUnet(const Weights& weights, const Options& options, const Plan& plan,
                         const nn::Engine& engine)
    : options_(options),
      time_(weights.scope("time_embed"), plan.channels, engine),
      stem_(take_convolution(weights.scope("input_blocks.0.0"), 1, plan.channels,
                             {options.image_size, options.image_size}, engine, options.gradient)),
      norm_(weights.scope("out.0"), dimension(weights, "out.0.weight", 0, 1)),
      pool_(weights.scope("out.2"), dimension(weights, "out.0.weight", 0, 1), options.head_size,
            plan.side * plan.side, engine, options.gradient) {
  int64_t channels = plan.channels;
  int64_t side = options.image_size;
  const auto add = [&](const Weights& scope, const std::string& residual,
                       const std::string& attention, bool down) {
    const ResidualBlock::Options how{down, options.gradient};
    blocks_.push_back(
        {ResidualBlock(scope.scope(residual), channels, time_.size(), {side, side}, how, engine),
         {}});
    const bool widens = blocks_.back().residual.out() != channels;
    if (widens && !plan.may_widen(static_cast<int64_t>(blocks_.size()))) {
      throw Error(Code::bad_model,
                  fmt::format("{}: {} changes the number of channels within a level of slices of "
                              "{}x{}",
                              weights.checkpoint().path().string(), scope.full_name(residual),
                              options.image_size, options.image_size));
    }
    channels = blocks_.back().residual.out();
    if (down) side /= 2;
    if (attention.empty() || !scope.contains(attention + ".norm.weight")) return;
    blocks_.back().attention.emplace(scope.scope(attention), channels, options.head_size,
                                     ImageSize{side, side}, engine, options.gradient);
  };
  for (int64_t i = 1; i <= plan.count; ++i) {
    add(weights.scope(fmt::format("input_blocks.{}", i)), "0", plan.pools(i) ? "" : "1",
        plan.pools(i));
  }
  add(weights.scope("middle_block"), "0", "1", false);
  add(weights.scope("middle_block"), "2", "", false);
  flops_ = stem_.forward.flops() + pool_.flops();
  for (const Block& block : blocks_) {
    flops_ += block.residual.flops() + (block.attention ? block.attention->flops() : 0);
  }
}

Tensor EncoderUnet::forward(const float* slice, int64_t t, const Pass& pass, Tape* tape) const {
  const ImageSize size{options_.image_size, options_.image_size};
  const Tensor time = silu_of(time_(t));
  const auto trace = [&](std::size_t block, const Image& x) {
    if (!pass.trace) return;
    const bool middle = block + 1 >= blocks_.size();
    pass.trace(middle ? "block_middle" : fmt::format("block_{}", block), x.planes());
  };
  Image x = Image::borrow(pass.work, size, stem_.forward.out());
  stem_.forward(slice, x.data(), pass.work);
  trace(0, x);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    std::optional<ResidualBlock::Tape> residual;
    std::optional<AttentionBlock::Tape> attention;
    Image y = block.residual(x, time, pass, tape == nullptr ? nullptr : &residual);
    std::optional<Image> between;
    if (block.attention) {
      between = std::move(y);
      y = (*block.attention)(*between, pass, tape == nullptr ? nullptr : &attention);
    }
    std::swap(x, y);
    if (i + 2 != blocks_.size()) trace(i + 1, x);  // the middle's two count as one
    if (tape != nullptr) {
      tape->steps.push_back(
          {std::move(y), std::move(residual), std::move(between), std::move(attention)});
    }
  }
  NormMap norm = norm_.map(x, nullptr, pass.work);
  Image normed = Image::borrow(pass.work, x.size, x.channels);
  nn::normalise_silu(x.data(), x.positions(), x.channels, norm.map(), normed.data());
  Tensor logits = pool_(normed, pass, tape == nullptr ? nullptr : &tape->pool);
  if (!std::ranges::all_of(logits.values(), [](float v) { return std::isfinite(v); })) {
    throw Error(Code::internal, "The slice classifier gave a value that is not finite.");
  }
  if (tape != nullptr) {
    tape->last = std::move(x);
    tape->norm = std::move(norm);
  }
  return logits;
}

Image EncoderUnet::backward(Tape& tape, const Tensor& grad_logits, const Pass& pass) const {
  const Image& last = *tape.last;
  Image inner = pool_.backward(last.size, *tape.pool, grad_logits, pass);
  nn::silu_backward(last.data(), last.positions(), last.channels, tape.norm->map(), inner.data());
  Image grad = Image::borrow(pass.work, last.size, last.channels);
  std::fill_n(grad.data(), grad.count(), 0.0F);
  GroupNorm::backward(last, *tape.norm, inner.data(), grad.data());
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    Tape::Step& step = tape.steps[i];
    if (step.between) {
      grad = blocks_[i].attention->backward(*step.between, *step.attention, grad, pass);
    }
    grad = blocks_[i].residual.backward(step.x, *step.residual, grad, pass);
    tape.steps.pop_back();  // its memory is wanted by the blocks before it
  }
  return grad;
}

Tensor EncoderUnet::operator()(const float* slice, int64_t t, const Pass& pass) const {
  return forward(slice, t, pass, nullptr);
}

Tensor EncoderUnet::gradient(const float* slice, int64_t t, int64_t label, float* grad,
                             const Pass& pass) const {
  if (!options_.gradient)
    throw Error(Code::internal, "The classifier was built without gradients.");
  Tape tape;
  Tensor logits = forward(slice, t, pass, &tape);
  Tensor grad_logits = softmax(logits);  // d log softmax [label] = (1 at label) - softmax
  for (float& value : grad_logits.values()) value = -value;
  grad_logits.data()[label] += 1;
  const Image image = backward(tape, grad_logits, pass);
  stem_.backward->operator()(image.data(), grad, pass.work);
  return logits;
}

}  // namespace ctclip::models
