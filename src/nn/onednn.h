#pragma once

#include <cstddef>
#include <dnnl.hpp>
#include <string>
#include <vector>

namespace ctclip::nn {

/// The CPU engine of oneDNN and this thread's stream. From the first call on, oneDNN's OpenMP
/// regions that this thread opens have one thread (see Engine). Every oneDNN call and primitive is
/// made after it.
const dnnl::engine& onednn_engine();
dnnl::stream& onednn_stream();

/// Memory that views the caller's buffer. oneDNN's type has no const; what is a source is only
/// read.
dnnl::memory view(const dnnl::memory::desc& desc, const void* data);

/// Runs the primitive on this thread, with this thread's scratch memory: a primitive may be made on
/// one thread and run on any, several at once. Primitives come from the functions below, which ask
/// for scratch memory of the caller; a reorder needs none.
void execute(const dnnl::primitive& primitive,
             const std::unordered_map<int, dnnl::memory>& arguments);

/// The layout of weights as a text by which a packed form is found again (base/blocked_layout.h),
/// its axes in another order: `axes[i]` is what the description calls axis i.
std::string layout_text(const dnnl::memory::desc& desc, const std::vector<std::size_t>& axes);
/// Weights that lie as `given` says, as `layout` wants them: fills its get_size() bytes.
void pack_weights(const dnnl::memory::desc& given, const float* from,
                  const dnnl::memory::desc& layout, std::byte* to);

/// c = a b with matrices described by type and strides; what differs in oneDNN 3 stands behind
/// these.
dnnl::matmul::primitive_desc matmul(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                    const dnnl::memory::desc& bias, const dnnl::memory::desc& c,
                                    bool add_to_c);

/// 3x3 convolution with padding 1, images and weights as described; `add_to_y` adds to what is in
/// the output.
dnnl::convolution_forward::primitive_desc convolution_f32(const dnnl::memory::desc& x,
                                                          const dnnl::memory::desc& weight,
                                                          const dnnl::memory::desc& bias,
                                                          const dnnl::memory::desc& y,
                                                          int64_t stride, bool add_to_y);

}  // namespace ctclip::nn
