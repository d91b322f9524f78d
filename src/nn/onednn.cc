#include "nn/onednn.h"

#include <omp.h>

namespace ctclip::nn {
namespace {

void one_thread_for_each_call() {
  thread_local const bool once = [] {
    omp_set_num_threads(1);
    return true;
  }();
  (void)once;
}

}  // namespace

const dnnl::engine& onednn_engine() {
  one_thread_for_each_call();
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& onednn_stream() {
  const dnnl::engine& engine = onednn_engine();
  thread_local dnnl::stream stream(engine);
  return stream;
}

void execute(const dnnl::primitive& primitive,
             const std::unordered_map<int, dnnl::memory>& arguments) {
  dnnl::stream& stream = onednn_stream();
  primitive.execute(stream, arguments);
  stream.wait();
}

namespace {

dnnl::primitive_attr sum_if(bool add_to_output) {
  dnnl::primitive_attr attributes;
  if (add_to_output) {
    dnnl::post_ops operations;
    operations.append_sum(1.0F);
    attributes.set_post_ops(operations);
  }
  return attributes;
}

}  // namespace

dnnl::matmul::primitive_desc matmul_f32(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                        const dnnl::memory::desc& bias, const dnnl::memory::desc& c,
                                        bool add_to_c) {
  const dnnl::matmul::desc desc =
      bias.dims().empty() ? dnnl::matmul::desc(a, b, c) : dnnl::matmul::desc(a, b, bias, c);
  return {desc, sum_if(add_to_c), onednn_engine()};
}

dnnl::convolution_forward::primitive_desc convolution_f32(const dnnl::memory::desc& x,
                                                          const dnnl::memory::desc& weight,
                                                          const dnnl::memory::desc& bias,
                                                          const dnnl::memory::desc& y,
                                                          int64_t stride, bool add_to_y) {
  const dnnl::memory::dims strides = {stride, stride};
  const dnnl::memory::dims padding = {1, 1};
  // After the last column of a strided convolution there may be nothing that a tap still needs.
  const auto behind = [&](int axis) {
    return (y.dims()[axis] - 1) * stride + 3 - 1 - x.dims()[axis];
  };
  return {{dnnl::prop_kind::forward_inference,
           dnnl::algorithm::convolution_direct,
           x,
           weight,
           bias,
           y,
           strides,
           padding,
           {behind(2), behind(3)}},
          sum_if(add_to_y),
          onednn_engine()};
}

}  // namespace ctclip::nn
