#include "nn/convolution.h"

#include <algorithm>
#include <optional>

#include "nn/onednn.h"
#include "nn/winograd.h"

namespace ctclip::nn {
namespace {

using Memory = dnnl::memory;

Memory::desc channels_last(Convolution::Size size, int64_t channels) {
  return {{1, channels, size.height, size.width}, Memory::data_type::f32, Memory::format_tag::nhwc};
}

// The definition, by oneDNN, on one thread.
class Direct {
 public:
  Direct(const LazyTensor& weight, const Tensor& bias, Convolution::Size size,
         Convolution::Size output, int64_t stride)
      : bias_(bias.clone()),
        source_(channels_last(size, weight.dim(1))),
        target_(channels_last(output, weight.dim(0))) {
    if (bias_.empty()) bias_ = Tensor::zeros({weight.dim(0)});
    const auto plain = make(stride, false);
    const Memory::desc layout = plain.weights_desc();
    packed_ = weight.form(layout_text(layout, {0, 1, 2, 3}), layout.get_size(), [&](std::byte* to) {
      const SharedTensor values = weight.values();
      pack_weights({weight.shape(), Memory::data_type::f32, Memory::format_tag::oihw},
                   values.data(), layout, to);
    });
    weight_ = view(layout, packed_.data.get());
    convolve_ = dnnl::convolution_forward(plain);
    convolve_and_add_ = dnnl::convolution_forward(make(stride, true));
  }

  void operator()(const float* x, float* y, const float* residual) const {
    if (residual != nullptr && residual != y) {
      std::copy_n(residual, target_.get_size() / sizeof(float), y);
    }
    execute(residual == nullptr ? convolve_ : convolve_and_add_,
            {{DNNL_ARG_SRC, view(source_, x)},
             {DNNL_ARG_WEIGHTS, weight_},
             {DNNL_ARG_BIAS, view(bias_desc(), bias_.data())},
             {DNNL_ARG_DST, view(target_, y)}});
  }

 private:
  Memory::desc bias_desc() const {
    return {{bias_.size()}, Memory::data_type::f32, Memory::format_tag::x};
  }

  dnnl::convolution_forward::primitive_desc make(int64_t stride, bool add_to_y) const {
    const Memory::desc weight = weight_
                                    ? weight_.get_desc()
                                    : Memory::desc({target_.dims()[1], source_.dims()[1], 3, 3},
                                                   Memory::data_type::f32, Memory::format_tag::any);
    return convolution_f32(source_, weight, bias_desc(), target_, stride, add_to_y);
  }

  Tensor bias_;
  Memory::desc source_, target_;
  SharedBytes packed_;
  Memory weight_;  // views it
  dnnl::convolution_forward convolve_, convolve_and_add_;
};

}  // namespace

struct Convolution::Impl {
  std::optional<Direct> direct;
  std::optional<Winograd> winograd;
};

ConvolutionMethod choose_method(int64_t in, int64_t out, Convolution::Size /*size*/, int64_t stride,
                                Precision precision) {
  constexpr int64_t kBlock = 16;
  constexpr int64_t kWide = 512;  // beyond it F(2x2)'s weights come from memory again and again
  if (stride != 1 || in % kBlock != 0 || out % kBlock != 0) return ConvolutionMethod::direct;
  return precision == Precision::bf16 && in <= kWide ? ConvolutionMethod::winograd_2_bf16
                                                     : ConvolutionMethod::winograd_4;
}

Convolution::Convolution(const LazyTensor& weight, const Tensor& bias, Size size, int64_t stride,
                         const Engine& engine)
    : Convolution(weight, bias, size, stride, engine,
                  choose_method(weight.dim(1), weight.dim(0), size, stride, engine.precision())) {}

Convolution::Convolution(const LazyTensor& weight, const Tensor& bias, Size size, int64_t stride,
                         const Engine& /*engine*/, ConvolutionMethod method)
    : in_(weight.dim(1)),
      out_(weight.dim(0)),
      size_(size),
      stride_(stride),
      impl_(std::make_unique<Impl>()) {
  if (method == ConvolutionMethod::direct) {
    impl_->direct.emplace(weight, bias, size, output(), stride);
  } else {
    const int64_t side = method == ConvolutionMethod::winograd_4 ? 4 : 2;
    const Precision precision =
        method == ConvolutionMethod::winograd_2_bf16 ? Precision::bf16 : Precision::f32;
    impl_->winograd.emplace(weight, bias, size.height, size.width, side, precision);
  }
}

Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;
Convolution& Convolution::operator=(Convolution&&) noexcept = default;

Convolution::Size Convolution::output() const {
  return {(size_.height + stride_ - 1) / stride_, (size_.width + stride_ - 1) / stride_};
}

int64_t Convolution::flops() const { return 2 * 9 * in_ * out_ * output().height * output().width; }

void Convolution::direct(const float* x, float* y, const float* residual, const Fused& fused,
                         Workspace& work) const {
  std::optional<Workspace::Lease> normed;
  if (fused.silu != nullptr) {
    normed = work.borrow(size_.height * size_.width * in_);
    normalise_silu(x, size_.height * size_.width, in_, *fused.silu, normed->data());
    x = normed->data();
  }
  (*impl_->direct)(x, y, residual);
  if (fused.moments != nullptr) fused.moments->add(y, output().height * output().width);
}

void Convolution::operator()(const float* x, float* y, Workspace& work, const float* residual,
                             const Fused& fused) const {
  if (impl_->direct) {
    direct(x, y, residual, fused, work);
  } else {
    (*impl_->winograd)(x, y, residual, fused, work);
  }
}

LazyTensor backward_weight(const LazyTensor& weight) {
  const int64_t out = weight.dim(0);
  const int64_t in = weight.dim(1);
  return weight.derive("backward", {in, out, 3, 3}, [weight, in, out] {
    const SharedTensor values = weight.values();
    Tensor result = Tensor::uninitialised({in, out, 3, 3});
    for (int64_t pair = 0; pair < out * in; ++pair) {
      const float* from = values.data() + pair * 9;
      std::reverse_copy(from, from + 9, result.data() + (pair % in * out + pair / in) * 9);
    }
    return result;
  });
}

}  // namespace ctclip::nn
