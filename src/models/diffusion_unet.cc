#include "models/diffusion_unet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/error.h"
#include "nn/kernels.h"

namespace ctclip::models {
namespace {

constexpr int64_t kLargestImage = 2048;
constexpr int64_t kOutputs = 2;  // noise, variance coefficient

[[noreturn]] void refuse(const Weights& weights, const std::string& what) {
  throw Error(Code::bad_model, fmt::format("{}: {}", weights.checkpoint().path().string(), what));
}

int64_t require_side(const Weights& weights, int64_t size) {
  if (size < 1 || size > kLargestImage) {
    refuse(weights,
           fmt::format("expected slices of 1 to {} pixels a side, found {}", kLargestImage, size));
  }
  return size;
}

nn::Convolution take_plain(const Weights& scope, int64_t in, int64_t out, ImageSize size,
                           int64_t stride, const nn::Engine& engine) {
  const LazyTensor weight = scope.lazy("weight", {out, in, 3, 3});
  return {weight, scope.take("bias", {out}), size, stride, engine};
}

}  // namespace

// Walks through the blocks with the channels and the image size that each will see.
struct DiffusionUnet::Builder {
  DiffusionUnet& net;
  const Weights& weights;
  const nn::Engine& engine;
  ImageSize size;
  int64_t channels;
  std::vector<std::pair<int64_t, ImageSize>> skips;  // channels and size of each input block

  ResidualBlock residual(const Weights& scope, int64_t in) {
    ResidualBlock block(scope, in, net.time_.size(), size, {}, engine);
    net.flops_ += block.flops();
    channels = block.out();
    return block;
  }

  std::optional<AttentionBlock> attention(const Weights& scope) const {
    if (!scope.contains("norm.weight")) return {};
    if (net.options_.heads < 1 || channels % net.options_.heads != 0) {
      refuse(weights, fmt::format("{} attention heads do not divide {} channels",
                                  net.options_.heads, channels));
    }
    return AttentionBlock(scope, channels, channels / net.options_.heads, size, engine, false);
  }

  nn::Convolution convolution(const Weights& scope, int64_t stride) {
    nn::Convolution layer = take_plain(scope, channels, channels, size, stride, engine);
    net.flops_ += layer.flops();
    return layer;
  }

  void encoder() {
    skips.emplace_back(channels, size);
    for (int64_t i = 1;; ++i) {
      const Weights scope = weights.scope(fmt::format("input_blocks.{}", i));
      const bool down = scope.contains("0.op.weight");
      if (!down && !scope.contains("0.in_layers.2.weight")) break;
      Encoder block;
      if (down) {
        block.down = convolution(scope.scope("0.op"), 2);
        size = block.down->output();
      } else {
        block.residual = residual(scope.scope("0"), channels);
        block.attention = attention(scope.scope("1"));
      }
      net.encoder_.push_back(std::move(block));
      skips.emplace_back(channels, size);
    }
  }

  void middle() {
    const Weights scope = weights.scope("middle_block");
    Encoder first;
    first.residual = residual(scope.scope("0"), channels);
    first.attention = attention(scope.scope("1"));
    net.middle_.push_back(std::move(first));
    Encoder second;
    second.residual = residual(scope.scope("2"), channels);
    net.middle_.push_back(std::move(second));
  }

  void decoder() {
    for (int64_t i = 0; !skips.empty(); ++i) {
      const Weights scope = weights.scope(fmt::format("output_blocks.{}", i));
      const auto [beside, side] = skips.back();
      skips.pop_back();
      if (side.height != size.height || side.width != size.width) {
        refuse(weights, fmt::format("output_blocks.{} meets an image of another size", i));
      }
      Decoder block{residual(scope.scope("0"), channels + beside), {}, {}};
      block.attention = attention(scope.scope("1"));
      const std::string up = block.attention ? "2.conv" : "1.conv";
      if (scope.contains(up + ".weight")) {
        size = {2 * size.height, 2 * size.width};
        block.up = convolution(scope.scope(up), 1);
      }
      net.decoder_.push_back(std::move(block));
    }
  }
};

DiffusionUnet::DiffusionUnet(const Weights& weights, const Options& options,
                             const nn::Engine& engine)
    : options_{require_side(weights, options.image_size), options.heads},
      time_(weights.scope("time_embed"), dimension(weights, "input_blocks.0.0.weight", 0, 4),
            engine),
      labels_(weights.take("label_emb.weight", {-1, time_.size()})),
      stem_(take_plain(weights.scope("input_blocks.0.0"), 1,
                       dimension(weights, "input_blocks.0.0.weight", 0, 4),
                       {options.image_size, options.image_size}, 1, engine)),
      norm_(weights.scope("out.0"), stem_.out()),
      out_(take_plain(weights.scope("out.2"), stem_.out(), kOutputs,
                      {options.image_size, options.image_size}, 1, engine)) {
  const ImageSize whole{options.image_size, options.image_size};
  Builder build{*this, weights, engine, whole, stem_.out(), {}};
  build.encoder();
  build.middle();
  build.decoder();
  if (build.channels != stem_.out() || build.size.height != whole.height) {
    refuse(weights, "the last of output_blocks does not give what out.0 takes");
  }
  flops_ += stem_.flops() + out_.flops();
}

Tensor DiffusionUnet::embed(int64_t t, int64_t label) const {
  Tensor time = time_(t);
  nn::add(labels_.data() + label * time.size(), time.size(), time.data());
  return silu_of(std::move(time));
}

Image DiffusionUnet::run(const Encoder& block, const Image& x, const Tensor& time,
                         const Pass& pass) const {
  pass.watch.check();
  if (block.down) {
    Image y = Image::borrow(pass.work, block.down->output(), x.channels);
    (*block.down)(x.data(), y.data(), pass.work);
    return y;
  }
  Image y = (*block.residual)(x, time, pass);
  return block.attention ? (*block.attention)(y, pass) : std::move(y);
}

Image DiffusionUnet::run(const Decoder& block, const Image& x, const Tensor& time,
                         const Pass& pass) const {
  Image y = block.residual(x, time, pass);
  if (block.attention) y = (*block.attention)(y, pass);
  if (!block.up) return y;
  Image large = Image::borrow(pass.work, block.up->output(), y.channels);
  nn::repeat_2x2(y.data(), y.size.height, y.size.width, y.channels, 1, large.data());
  y = Image::borrow(pass.work, large.size, y.channels);
  (*block.up)(large.data(), y.data(), pass.work);
  return y;
}

Tensor DiffusionUnet::operator()(const float* x, int64_t t, int64_t label, const Pass& pass) const {
  const auto trace = [&](std::string_view part, std::size_t i, const Image& image) {
    if (pass.trace) pass.trace(fmt::format("{}{}", part, i), image.planes());
  };
  const Tensor time = embed(t, label);
  std::vector<Image> skips;
  skips.push_back(Image::borrow(pass.work, stem_.output(), stem_.out()));
  stem_(x, skips.back().data(), pass.work);
  trace("input", 0, skips.back());
  for (const Encoder& block : encoder_) {
    skips.push_back(run(block, skips.back(), time, pass));
    trace("input", skips.size() - 1, skips.back());
  }
  Image h = run(middle_[0], skips.back(), time, pass);
  h = run(middle_[1], h, time, pass);
  if (pass.trace) pass.trace("middle", h.planes());
  for (std::size_t i = 0; i < decoder_.size(); ++i) {
    const Image& beside = skips.back();
    Image both = Image::borrow(pass.work, h.size, h.channels + beside.channels);
    nn::concatenate(h.data(), h.channels, beside.data(), beside.channels, h.positions(),
                    both.data());
    skips.pop_back();
    h = run(decoder_[i], both, time, pass);
    trace("output", i, h);
  }
  NormMap norm = norm_.map(h, nullptr, pass.work);
  nn::normalise_silu(h.data(), h.positions(), h.channels, norm.map(), h.data());
  Image y = Image::borrow(pass.work, h.size, kOutputs);
  out_(h.data(), y.data(), pass.work);
  Tensor planes = y.planes();
  if (!std::ranges::all_of(planes.values(), [](float v) { return std::isfinite(v); })) {
    throw Error(Code::internal, "The diffusion network gave a value that is not finite.");
  }
  return planes;
}

}  // namespace ctclip::models
