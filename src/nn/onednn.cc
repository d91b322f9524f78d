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

dnnl::matmul::primitive_desc matmul_f32(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                        const dnnl::memory::desc& bias, const dnnl::memory::desc& c,
                                        bool add_to_c) {
  dnnl::primitive_attr attributes;
  if (add_to_c) {
    dnnl::post_ops operations;
    operations.append_sum(1.0F);
    attributes.set_post_ops(operations);
  }
  const dnnl::matmul::desc desc =
      bias.dims().empty() ? dnnl::matmul::desc(a, b, c) : dnnl::matmul::desc(a, b, bias, c);
  return {desc, attributes, onednn_engine()};
}

}  // namespace ctclip::nn
