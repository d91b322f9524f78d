#include "nn/onednn.h"

#include <omp.h>

#include "base/blocked_layout.h"
#include "base/tensor.h"

namespace ctclip::nn {
namespace {

void one_thread_for_each_call() {
  thread_local const bool once = [] {
    omp_set_num_threads(1);
    return true;
  }();
  (void)once;
}

// oneDNN's own scratch memory belongs to the thread that made a primitive: any other thread that
// executes it would compute in memory that is too small or another's. So every primitive is made
// with scratchpad_mode::user and given this thread's.
float* thread_scratch(std::size_t bytes) {
  thread_local Tensor scratch;
  const auto floats = static_cast<int64_t>((bytes + sizeof(float) - 1) / sizeof(float));
  if (scratch.size() < floats) scratch = Tensor::uninitialised({floats});
  return scratch.data();
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

dnnl::memory view(const dnnl::memory::desc& desc, const void* data) {
  return {desc, onednn_engine(), const_cast<void*>(data)};
}

void execute(const dnnl::primitive& primitive,
             const std::unordered_map<int, dnnl::memory>& arguments) {
  dnnl::stream& stream = onednn_stream();
  const auto* desc =
      dnnl_primitive_desc_query_md(primitive.get_primitive_desc(), dnnl_query_scratchpad_md, 0);
  if (desc == nullptr || dnnl_memory_desc_get_size(desc) == 0) {
    primitive.execute(stream, arguments);
  } else {
    auto with_scratch = arguments;
    with_scratch.emplace(DNNL_ARG_SCRATCHPAD,
                         dnnl::memory(dnnl::memory::desc(*desc), onednn_engine(),
                                      thread_scratch(dnnl_memory_desc_get_size(desc))));
    primitive.execute(stream, with_scratch);
  }
  stream.wait();
}

std::string layout_text(const dnnl::memory::desc& desc, const std::vector<std::size_t>& axes) {
  const dnnl_memory_desc_t& raw = desc.data;
  if (raw.format_kind != dnnl_blocked || raw.extra.flags != 0 || raw.offset0 != 0) {
    return "opaque";  // nobody else can read it
  }
  const dnnl_blocking_desc_t& blocking = raw.format_desc.blocking;
  BlockedLayout layout{desc.data_type() == dnnl::memory::data_type::bf16,
                       Shape(axes.size()),
                       std::vector<int64_t>(axes.size()),
                       {}};
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    layout.shape[axes[axis]] = raw.dims[axis];
    layout.stride[axes[axis]] = blocking.strides[axis];
  }
  for (int i = 0; i < blocking.inner_nblks; ++i) {
    layout.blocks.push_back(
        {axes.at(static_cast<std::size_t>(blocking.inner_idxs[i])), blocking.inner_blks[i]});
  }
  return layout.text();
}

void pack_weights(const dnnl::memory::desc& given, const float* from,
                  const dnnl::memory::desc& layout, std::byte* to) {
  const dnnl::memory plain = view(given, from);
  const dnnl::memory packed = view(layout, to);
  execute(dnnl::reorder(plain, packed), {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, packed}});
}

namespace {

dnnl::primitive_attr sum_if(bool add_to_output) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (add_to_output) {
    dnnl::post_ops operations;
    operations.append_sum(1.0F);
    attributes.set_post_ops(operations);
  }
  return attributes;
}

}  // namespace

dnnl::matmul::primitive_desc matmul(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
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
