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
using Type = Memory::data_type;

Memory::desc row_major(int64_t rows, int64_t columns, Type type = Type::f32) {
  return {{rows, columns}, type, Memory::format_tag::ab};
}

// This thread's memory for `floats` values of at most a float's size, whatever it held before.
float* thread_input(int64_t floats) {
  thread_local Tensor input;
  if (input.size() < floats) input = Tensor::uninitialised({floats});
  return input.data();
}

}  // namespace

struct Linear::Impl {
  struct Product {
    dnnl::matmul multiply;
    std::optional<dnnl::reorder> round;  // of the input, where it isn't multiplied as it comes
  };
  Type type = Type::f32;  // of what is multiplied
  SharedBytes packed;
  Memory weight;  // views it
  Memory::desc bias_desc;
  Tensor bias;
  mutable std::shared_mutex mutex;
  mutable std::map<std::pair<int64_t, bool>, Product> products;

  Product make(int64_t rows, bool add_to_y, int64_t in, int64_t out) const {
    const Memory::desc source = row_major(rows, in, type);
    Product product{
        dnnl::matmul(matmul(source, weight.get_desc(), bias_desc, row_major(rows, out), add_to_y)),
        {}};
    if (type != Type::f32) {
      product.round.emplace(dnnl::reorder::primitive_desc(onednn_engine(), row_major(rows, in),
                                                          onednn_engine(), source));
    }
    return product;
  }

  Product product(int64_t rows, bool add_to_y, int64_t in, int64_t out) const {
    const std::pair key(rows, add_to_y);
    {
      const std::shared_lock lock(mutex);
      if (const auto found = products.find(key); found != products.end()) return found->second;
    }
    Product made = make(rows, add_to_y, in, out);
    const std::unique_lock lock(mutex);
    return products.emplace(key, std::move(made)).first->second;
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
  const Impl::Product product = impl_->product(rows, add_to_y, in_, out_);
  Memory source = view(row_major(rows, in_), x);
  if (product.round) {
    const Memory rounded = view(row_major(rows, in_, impl_->type), thread_input(rows * in_));
    execute(*product.round, {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, rounded}});
    source = rounded;
  }
  std::unordered_map<int, Memory> arguments = {{DNNL_ARG_SRC, source},
                                               {DNNL_ARG_WEIGHTS, impl_->weight},
                                               {DNNL_ARG_DST, view(row_major(rows, out_), y)}};
  if (!impl_->bias.empty()) {
    arguments.emplace(DNNL_ARG_BIAS, view(impl_->bias_desc, impl_->bias.data()));
  }
  execute(product.multiply, arguments);
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
