#include "nn/matmul.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <utility>

#include "nn/onednn.h"

namespace ctclip::nn {
namespace {

using Memory = dnnl::memory;
constexpr auto kF32 = Memory::data_type::f32;

Memory::desc row_major(int64_t rows, int64_t columns) {
  return {{rows, columns}, kF32, Memory::format_tag::ab};
}

// Memory that views the caller's buffer; oneDNN's type has no const, and sources are only read.
Memory view(const Memory::desc& desc, const float* data) {
  return {desc, onednn_engine(), const_cast<float*>(data)};
}

}  // namespace

struct Linear::Impl {
  Memory weight;
  Memory::desc bias_desc;
  Tensor bias;
  mutable std::shared_mutex mutex;
  mutable std::map<std::pair<int64_t, bool>, dnnl::matmul> primitives;

  dnnl::matmul primitive(int64_t rows, bool add_to_y, int64_t in, int64_t out) const {
    const std::pair key(rows, add_to_y);
    {
      const std::shared_lock lock(mutex);
      if (const auto found = primitives.find(key); found != primitives.end()) return found->second;
    }
    dnnl::matmul made(matmul_f32(row_major(rows, in), weight.get_desc(), bias_desc,
                                 row_major(rows, out), add_to_y));
    const std::unique_lock lock(mutex);
    return primitives.emplace(key, std::move(made)).first->second;
  }
};

Linear::Linear(const Tensor& weight, const Tensor& bias, const Engine& /*engine*/,
               int64_t usual_rows)
    : in_(weight.dim(1)), out_(weight.dim(0)), impl_(std::make_unique<Impl>()) {
  if (!bias.empty()) {
    impl_->bias = bias.clone();
    impl_->bias_desc = row_major(1, out_);
  }
  const Memory::desc any({in_, out_}, kF32, Memory::format_tag::any);
  const auto chosen = matmul_f32(row_major(usual_rows, in_), any, impl_->bias_desc,
                                 row_major(usual_rows, out_), false);
  impl_->weight = Memory(chosen.weights_desc(), onednn_engine());
  const Memory plain = view({{in_, out_}, kF32, Memory::format_tag::ba}, weight.data());
  execute(dnnl::reorder(plain, impl_->weight),
          {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, impl_->weight}});
}

Linear::~Linear() = default;
Linear::Linear(Linear&&) noexcept = default;
Linear& Linear::operator=(Linear&&) noexcept = default;

void Linear::operator()(const float* x, int64_t rows, float* y, bool add_to_y) const {
  std::unordered_map<int, Memory> arguments = {{DNNL_ARG_SRC, view(row_major(rows, in_), x)},
                                               {DNNL_ARG_WEIGHTS, impl_->weight},
                                               {DNNL_ARG_DST, view(row_major(rows, out_), y)}};
  if (!impl_->bias.empty()) {
    arguments.emplace(DNNL_ARG_BIAS, view(impl_->bias_desc, impl_->bias.data()));
  }
  execute(impl_->primitive(rows, add_to_y, in_, out_), arguments);
}

struct BatchMatMul::Impl {
  Memory::desc a, b, c;
  dnnl::matmul primitive;
};

namespace {
Memory::desc describe(const MatrixBatch& m) {
  return {{m.batch, m.heads, m.rows, m.columns},
          kF32,
          Memory::dims{m.batch_stride, m.head_stride, m.row_stride, m.column_stride}};
}
}  // namespace

BatchMatMul::BatchMatMul(const MatrixBatch& a, const MatrixBatch& b, const MatrixBatch& c)
    : impl_(std::make_unique<Impl>()) {
  impl_->a = describe(a);
  impl_->b = describe(b);
  impl_->c = describe(c);
  impl_->primitive = dnnl::matmul(matmul_f32(impl_->a, impl_->b, {}, impl_->c, false));
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
