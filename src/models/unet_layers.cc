#include "models/unet_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "models/layers.h"
#include "nn/bf16_kernels.h"
#include "nn/kernels.h"

namespace ctclip::models {
namespace {

constexpr int64_t kGroups = 32;
constexpr double kEpsilon = 1e-5;
constexpr float kLongestPeriod = 10000;

// Group norm needs whole groups, the kernels whole vectors of channels; 32 is enough for both.
Tensor take_norm(const Weights& scope, const std::string& name, int64_t channels) {
  if (channels % kGroups != 0) {
    throw Error(Code::bad_model, fmt::format("{}: {} has {} channels, expected a multiple of {}",
                                             scope.checkpoint().path().string(),
                                             scope.full_name(name), channels, kGroups));
  }
  return scope.take(name, {channels});
}

LazyTensor transposed(const LazyTensor& weight) {
  const int64_t out = weight.dim(0);
  const int64_t in = weight.dim(1);
  return weight.derive("transposed", {in, out}, [weight, in, out] {
    const SharedTensor values = weight.values();
    Tensor result = Tensor::uninitialised({in, out});
    for (int64_t i = 0; i < out * in; ++i) {
      result.data()[i % in * out + i / in] = values.data()[i];
    }
    return result;
  });
}

ImageSize after(ImageSize size, bool down) {
  return down ? ImageSize{size.height / 2, size.width / 2} : size;
}

}  // namespace

Image Image::borrow(nn::Workspace& work, ImageSize size, int64_t channels) {
  return {size, channels, work.borrow(size.height * size.width * channels)};
}

Tensor Image::planes() const {
  Tensor out = Tensor::uninitialised({channels, size.height, size.width});
  for (int64_t i = 0; i < count(); ++i) {
    out.data()[i % channels * positions() + i / channels] = data()[i];
  }
  return out;
}

nn::ChannelMap NormMap::map() {
  float* rows = memory.data();
  return {rows, rows + channels, rows + 2 * channels, rows + 3 * channels};
}

GroupNorm::GroupNorm(const Weights& scope, int64_t channels)
    : weight_(take_norm(scope, "weight", channels)), bias_(scope.take("bias", {channels})) {}

NormMap GroupNorm::map(const Image& x, const float* scale_shift, nn::Workspace& work) const {
  const auto channels = static_cast<std::size_t>(x.channels);
  const std::size_t group = channels / kGroups;
  std::optional<nn::ChannelMoments> measured;
  if (!x.moments) measured.emplace(x.channels).add(x.data(), x.positions());
  const nn::ChannelMoments& moments = x.moments ? *x.moments : *measured;

  NormMap result{work.borrow(4 * x.channels), x.channels};
  const nn::ChannelMap map = result.map();
  for (std::size_t first = 0; first < channels; first += group) {
    double centre = 0;
    double spread = 0;
    for (std::size_t c = first; c < first + group; ++c) {
      centre += moments.mean(static_cast<int64_t>(c)) / static_cast<double>(group);
    }
    for (std::size_t c = first; c < first + group; ++c) {
      const double off = moments.mean(static_cast<int64_t>(c)) - centre;
      spread += moments.variance(static_cast<int64_t>(c)) + off * off;
    }
    const double inverse = 1 / std::sqrt(spread / static_cast<double>(group) + kEpsilon);
    for (std::size_t c = first; c < first + group; ++c) {
      const float scale = scale_shift == nullptr ? 1 : 1 + scale_shift[c];
      const float shift = scale_shift == nullptr ? 0 : scale_shift[channels + c];
      map.mean[c] = static_cast<float>(centre);
      map.inverse_deviation[c] = static_cast<float>(inverse);
      map.gain[c] = map.inverse_deviation[c] * weight_.data()[c] * scale;
      map.shift[c] = bias_.data()[c] * scale + shift;
    }
  }
  return result;
}

// With y = gain (x - mean) + shift and N values in a group, the gradient with respect to x is
// gain g - 1/N sum(gain g) - (x - mean) / deviation^2 1/N sum(gain g (x - mean)), sums over it.
void GroupNorm::backward(const Image& x, NormMap& normed, const float* grad, float* grad_x) {
  const auto channels = static_cast<std::size_t>(x.channels);
  const std::size_t group = channels / kGroups;
  const nn::ChannelMap map = normed.map();
  std::vector<double> sum(channels);
  std::vector<double> product(channels);
  nn::gradient_sums(x.data(), grad, x.positions(), x.channels, map.mean, sum.data(),
                    product.data());

  std::vector<float> slope(channels);
  std::vector<float> offset(channels);
  const double count = static_cast<double>(group) * static_cast<double>(x.positions());
  for (std::size_t first = 0; first < channels; first += group) {
    double level = 0;
    double along = 0;
    for (std::size_t c = first; c < first + group; ++c) {
      level += static_cast<double>(map.gain[c]) * sum[c];
      along += static_cast<double>(map.gain[c]) * product[c];
    }
    const double inverse = map.inverse_deviation[first];
    for (std::size_t c = first; c < first + group; ++c) {
      offset[c] = static_cast<float>(-level / count);
      slope[c] = static_cast<float>(-along * inverse * inverse / count);
    }
  }
  nn::normalise_backward(x.data(), grad, x.positions(), x.channels, map, slope.data(),
                         offset.data(), grad_x);
}

TimeEmbedding::TimeEmbedding(const Weights& scope, int64_t channels, const nn::Engine& engine)
    : channels_(channels),
      first_(take_linear(scope.scope("0"), channels, -1, true, engine, 1)),
      second_(take_linear(scope.scope("2"), first_.out(), first_.out(), true, engine, 1)) {}

Tensor TimeEmbedding::sinusoid(int64_t t) const {
  Tensor out = Tensor::zeros({channels_});
  const int64_t half = channels_ / 2;
  const float rate = -std::log(kLongestPeriod);
  for (int64_t i = 0; i < half; ++i) {
    const float frequency = std::exp(rate * static_cast<float>(i) / static_cast<float>(half));
    const float angle = static_cast<float>(t) * frequency;
    out.data()[i] = std::cos(angle);
    out.data()[half + i] = std::sin(angle);
  }
  return out;
}

Tensor TimeEmbedding::operator()(int64_t t) const {
  Tensor hidden = Tensor::uninitialised({first_.out()});
  Tensor out = Tensor::uninitialised({second_.out()});
  first_(sinusoid(t).data(), 1, hidden.data());
  hidden = silu_of(std::move(hidden));
  second_(hidden.data(), 1, out.data());
  return out;
}

int64_t dimension(const Weights& weights, const std::string& name, std::size_t axis,
                  std::size_t rank) {
  const Shape& shape = weights.shape(name);
  if (shape.size() != rank) {
    throw Error(Code::bad_model,
                fmt::format("{}: tensor '{}' has the shape {}, expected {} dimensions",
                            weights.checkpoint().path().string(), weights.full_name(name),
                            to_string(shape), rank));
  }
  return shape[axis];
}

Tensor silu_of(Tensor x) {
  for (float& value : x.values()) value = value / (1 + std::exp(-value));
  return x;
}

WithBackward<nn::Convolution> take_convolution(const Weights& scope, int64_t in, int64_t out,
                                               ImageSize size, const nn::Engine& engine,
                                               bool gradient) {
  const LazyTensor weight = scope.lazy("weight", {out, in, 3, 3});
  const Tensor bias = scope.take("bias", {weight.dim(0)});
  WithBackward<nn::Convolution> pair{nn::Convolution(weight, bias, size, 1, engine), {}};
  if (gradient) {
    pair.backward.emplace(nn::backward_weight(weight), Tensor(), size, 1, engine.in_f32());
  }
  return pair;
}

WithBackward<nn::Linear> make_pointwise(const LazyTensor& weight, const Tensor& bias,
                                        int64_t positions, const nn::Engine& engine,
                                        bool gradient) {
  WithBackward<nn::Linear> pair{nn::Linear(weight, bias, engine, positions), {}};
  if (gradient) pair.backward.emplace(transposed(weight), Tensor(), engine.in_f32(), positions);
  return pair;
}

WithBackward<nn::Linear> take_pointwise(const Weights& scope, int64_t in, int64_t out, int64_t axes,
                                        int64_t positions, const nn::Engine& engine,
                                        bool gradient) {
  Shape shape = {out, in};
  shape.insert(shape.end(), static_cast<std::size_t>(axes), 1);
  const LazyTensor weight = scope.lazy("weight", shape).reshaped({out, in});
  return make_pointwise(weight, scope.take("bias", {out}), positions, engine, gradient);
}

ResidualBlock::ResidualBlock(const Weights& scope, int64_t in, int64_t embedding, ImageSize size,
                             Options options, const nn::Engine& engine)
    : options_(options),
      rounded_(engine.precision() == nn::Precision::bf16),
      norm_1_(scope.scope("in_layers.0"), in),
      convolve_1_(take_convolution(scope.scope("in_layers.2"), in, -1, after(size, options.down),
                                   engine, options.gradient)),
      time_(take_linear(scope.scope("emb_layers.1"), embedding, 2 * convolve_1_.forward.out(), true,
                        engine, 1)),
      norm_2_(scope.scope("out_layers.0"), convolve_1_.forward.out()),
      convolve_2_(take_convolution(scope.scope("out_layers.3"), convolve_1_.forward.out(),
                                   convolve_1_.forward.out(), after(size, options.down), engine,
                                   options.gradient)) {
  if (out() != in) {
    const ImageSize inner = after(size, options.down);
    skip_ = take_pointwise(scope.scope("skip_connection"), in, out(), 2, inner.height * inner.width,
                           engine, options.gradient);
  }
}

int64_t ResidualBlock::flops() const {
  const ImageSize size = convolve_2_.forward.output();
  const int64_t skip = skip_ ? 2 * skip_->forward.in() * out() * size.height * size.width : 0;
  return convolve_1_.forward.flops() + convolve_2_.forward.flops() + skip;
}

Image ResidualBlock::convolved(const Image& x, const nn::ChannelMap& map,
                               std::optional<Image>& small, nn::Workspace& work) const {
  Image hidden = Image::borrow(work, after(x.size, options_.down), out());
  hidden.moments.emplace(out());
  if (!options_.down) {
    convolve_1_.forward(x.data(), hidden.data(), work, nullptr, {&map, &*hidden.moments});
    return hidden;
  }
  Image inner = Image::borrow(work, hidden.size, x.channels);
  small = Image::borrow(work, hidden.size, x.channels);
  const auto pool = rounded_ ? nn::normalise_silu_pool_bf16 : nn::normalise_silu_pool;
  pool(x.data(), hidden.size.height, hidden.size.width, x.channels, map, inner.data(),
       small->data());
  convolve_1_.forward(inner.data(), hidden.data(), work, nullptr, {nullptr, &*hidden.moments});
  return hidden;
}

Image ResidualBlock::operator()(const Image& x, const Tensor& time, const Pass& pass,
                                std::optional<Tape>* tape) const {
  pass.watch.check();
  NormMap first = norm_1_.map(x, nullptr, pass.work);
  std::optional<Image> small;
  Image hidden = convolved(x, first.map(), small, pass.work);

  auto scale_shift = pass.work.borrow(2 * out());
  time_(time.data(), 1, scale_shift.data());
  NormMap second = norm_2_.map(hidden, scale_shift.data(), pass.work);
  const nn::ChannelMap map = second.map();

  const Image& beside = small ? *small : x;
  Image y = Image::borrow(pass.work, hidden.size, out());
  y.moments.emplace(out());
  if (skip_) skip_->forward(beside.data(), y.positions(), y.data());
  convolve_2_.forward(hidden.data(), y.data(), pass.work, skip_ ? y.data() : beside.data(),
                      {&map, &*y.moments});
  if (tape != nullptr) tape->emplace(Tape{std::move(hidden), std::move(first), std::move(second)});
  return y;
}

Image ResidualBlock::spread(const Image& grad, nn::Workspace& work) const {
  Image out = Image::borrow(work, {2 * grad.size.height, 2 * grad.size.width}, grad.channels);
  constexpr float kShare = 0.25F;
  nn::repeat_2x2(grad.data(), grad.size.height, grad.size.width, grad.channels, kShare, out.data());
  return out;
}

Image ResidualBlock::backward(const Image& x, Tape& tape, const Image& grad,
                              const Pass& pass) const {
  pass.watch.check();
  const Image& hidden = tape.hidden;
  Image inner = Image::borrow(pass.work, hidden.size, out());
  convolve_2_.backward->operator()(grad.data(), inner.data(), pass.work);
  nn::silu_backward(hidden.data(), hidden.positions(), out(), tape.second.map(), inner.data());
  Image before = Image::borrow(pass.work, hidden.size, out());
  std::fill_n(before.data(), before.count(), 0.0F);
  GroupNorm::backward(hidden, tape.second, inner.data(), before.data());

  Image outer = Image::borrow(pass.work, hidden.size, x.channels);
  convolve_1_.backward->operator()(before.data(), outer.data(), pass.work);
  Image result = Image::borrow(pass.work, hidden.size, x.channels);
  if (skip_) {
    skip_->backward->operator()(grad.data(), grad.positions(), result.data());
  } else {
    std::copy_n(grad.data(), grad.count(), result.data());
  }
  if (options_.down) {
    outer = spread(outer, pass.work);
    result = spread(result, pass.work);
  }
  nn::silu_backward(x.data(), x.positions(), x.channels, tape.first.map(), outer.data());
  GroupNorm::backward(x, tape.first, outer.data(), result.data());
  return result;
}

}  // namespace ctclip::models
