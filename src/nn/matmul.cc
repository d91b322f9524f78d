#include "nn/matmul.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <utility>

#include "nn/bf16_rows.h"
#include "nn/onednn.h"

namespace ctclip::nn {
namespace {

using Memory = dnnl::memory;
using Type = Memory::data_type;

Memory::desc row_major(int64_t rows, int64_t columns, Type type = Type::f32) {
  return {{rows, columns}, type, Memory::format_tag::ab};
}

// This thread's memory for so many floats, whatever it held before.
float* thread_input(int64_t floats) {
  thread_local Tensor input;
  if (input.size() < floats) input = Tensor::uninitialised({floats});
  return input.data();
}

}  // namespace

struct Linear::Impl {
  Type type = Type::f32;  // of what is multiplied
  SharedBytes packed;
  Memory weight;  // views it
  Memory::desc bias_desc;
  Tensor bias;
  mutable std::shared_mutex mutex;
  mutable std::map<std::pair<int64_t, bool>, dnnl::matmul> products;

  dnnl::matmul product(int64_t rows, bool add_to_y, int64_t in, int64_t out) const {
    const std::pair key(rows, add_to_y);
    {
      const std::shared_lock lock(mutex);
      if (const auto found = products.find(key); found != products.end()) return found->second;
    }
    dnnl::matmul made(matmul(row_major(rows, in, type), weight.get_desc(), bias_desc,
                             row_major(rows, out), add_to_y));
    const std::unique_lock lock(mutex);
    return products.emplace(key, std::move(made)).first->second;
  }

  // x as it is multiplied.
  void multiply(const void* x, int64_t rows, int64_t in, float* y, int64_t out,
                bool add_to_y) const {
    std::unordered_map<int, Memory> arguments = {{DNNL_ARG_SRC, view(row_major(rows, in, type), x)},
                                                 {DNNL_ARG_WEIGHTS, weight},
                                                 {DNNL_ARG_DST, view(row_major(rows, out), y)}};
    if (!bias.empty()) arguments.emplace(DNNL_ARG_BIAS, view(bias_desc, bias.data()));
    execute(product(rows, add_to_y, in, out), arguments);
  }
};

Linear::Linear(const LazyTensor& weight, const Tensor& bias, const Engine& engine,
               int64_t usual_rows)
    : in_(weight.dim(1)), out_(weight.dim(0)), impl_(std::make_unique<Impl>()) {
  if (engine.precision() == Precision::bf16) impl_->type = Type::bf16;
  if (!bias.empty()) {
    impl_->bias = bias.clone();
    impl_->bias_desc = row_major(1, out_);
  }
  const Memory::desc any({in_, out_}, impl_->type, Memory::format_tag::any);
  const auto chosen = matmul(row_major(usual_rows, in_, impl_->type), any, impl_->bias_desc,
                             row_major(usual_rows, out_), false);
  const Memory::desc layout = chosen.weights_desc();
  // The layout calls the inputs axis 0, the weight calls them axis 1.
  impl_->packed = weight.form(layout_text(layout, {1, 0}), layout.get_size(), [&](std::byte* to) {
    const SharedTensor values = weight.values();
    pack_weights({{in_, out_}, Type::f32, Memory::format_tag::ba}, values.data(), layout, to);
  });
  impl_->weight = view(layout, impl_->packed.data.get());
}

Linear::~Linear() = default;
Linear::Linear(Linear&&) noexcept = default;
Linear& Linear::operator=(Linear&&) noexcept = default;

void Linear::operator()(const float* x, int64_t rows, float* y, bool add_to_y) const {
  if (impl_->type == Type::f32) {
    impl_->multiply(x, rows, in_, y, out_, add_to_y);
    return;
  }
  Bfloat16* rounded = as_bf16(thread_input((rows * in_ + 1) / 2));
  round_values(x, rows * in_, rounded);
  impl_->multiply(rounded, rows, in_, y, out_, add_to_y);
}

void Linear::operator()(const Bfloat16* x, int64_t rows, float* y, bool add_to_y) const {
  impl_->multiply(x, rows, in_, y, out_, add_to_y);
}

struct BatchMatMul::Impl {
  Memory::desc a, b, c;
  dnnl::matmul primitive;
};

namespace {
Memory::desc describe(const MatrixBatch& m) {
  return {{m.batch, m.heads, m.rows, m.columns},
          Type::f32,
          Memory::dims{m.batch_stride, m.head_stride, m.row_stride, m.column_stride}};
}
}  // namespace

BatchMatMul::BatchMatMul(const MatrixBatch& a, const MatrixBatch& b, const MatrixBatch& c)
    : impl_(std::make_unique<Impl>()) {
  impl_->a = describe(a);
  impl_->b = describe(b);
  impl_->c = describe(c);
  impl_->primitive = dnnl::matmul(matmul(impl_->a, impl_->b, {}, impl_->c, false));
}

BatchMatMul::~BatchMatMul() = default;
BatchMatMul::BatchMatMul(BatchMatMul&&) noexcept = default;
BatchMatMul& BatchMatMul::operator=(BatchMatMul&&) noexcept = default;

void BatchMatMul::operator()(const float* a, const float* b, float* c) const {
  execute(impl_->primitive, {{DNNL_ARG_SRC, view(impl_->a, a)},
                             {DNNL_ARG_WEIGHTS, view(impl_->b, b)},
                             {DNNL_ARG_DST, view(impl_->c, c)}});
}

}  // namespace ctclip::nn
