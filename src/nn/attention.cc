#include "nn/attention.h"

#include "nn/bf16_kernels.h"

namespace ctclip::nn {

HeadAttention::HeadAttention(int64_t length, int64_t dim, const Engine& engine)
    : length_(length),
      dim_(dim),
      rounded_(engine.precision() == Precision::bf16 && attends_bf16(length, dim)) {}

void HeadAttention::operator()(const HeadRows<const float>& q, const float* keys,
                               const float* values, int64_t stride, const float* bias,
                               const HeadRows<float>& out, Workspace& work) const {
  auto packed = work.borrow(packed_head_floats(length_, dim_));
  auto scratch = work.borrow(attend_scratch(length_, dim_));
  if (rounded_) {
    attend_bf16(q, pack_head_bf16(keys, values, stride, length_, dim_, packed.data()), bias, out,
                scratch.data());
  } else {
    attend(q, pack_head(keys, values, stride, length_, dim_, packed.data()), bias, out,
           scratch.data());
  }
}

}  // namespace ctclip::nn
