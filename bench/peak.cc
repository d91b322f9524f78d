#include "bench/peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "nn/onednn.h"

namespace ctclip::bench {
namespace {

constexpr int64_t kRows = 1152;
constexpr int64_t kSize = 2048;
constexpr int kCalls = 4;
constexpr int kRounds = 6;

/// The operands of one thread's product, all zeros.
struct Product {
  explicit Product(const dnnl::matmul::primitive_desc& desc)
      : a(desc.src_desc(), nn::onednn_engine()),
        b(desc.weights_desc(), nn::onednn_engine()),
        c(desc.dst_desc(), nn::onednn_engine()) {
    for (const dnnl::memory& memory : {a, b, c}) {
      std::fill_n(static_cast<std::byte*>(memory.get_data_handle()), memory.get_desc().get_size(),
                  std::byte{0});
    }
  }
  dnnl::memory a, b, c;
};

dnnl::matmul::primitive_desc describe(nn::Precision precision) {
  using Type = dnnl::memory::data_type;
  using Format = dnnl::memory::format_tag;
  const Type type = precision == nn::Precision::bf16 ? Type::bf16 : Type::f32;
  return nn::matmul({{kRows, kSize}, type, Format::ab}, {{kSize, kSize}, type, Format::any}, {},
                    {{kRows, kSize}, Type::f32, Format::ab}, false);
}

void multiply(const dnnl::matmul& product, const Product& operands) {
  nn::execute(
      product,
      {{DNNL_ARG_SRC, operands.a}, {DNNL_ARG_WEIGHTS, operands.b}, {DNNL_ARG_DST, operands.c}});
}

constexpr double kGflop = 2e-9 * kRows * kSize * kSize;

}  // namespace

Peak peak_gflops(ThreadPool& pool, nn::Precision precision) {
  const dnnl::matmul::primitive_desc desc = describe(precision);
  const dnnl::matmul product(desc);
  std::vector<Product> operands;
  operands.reserve(static_cast<std::size_t>(pool.threads()));
  for (int i = 0; i < pool.threads(); ++i) operands.emplace_back(desc);
  const double gflop = kGflop * kCalls * pool.threads();
  Peak best;
  for (int round = 0; round < kRounds; ++round) {
    const auto began = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    pool.run(pool.threads(), [&](int64_t thread) {
      for (int call = 0; call < kCalls; ++call) {
        multiply(product, operands[static_cast<std::size_t>(thread)]);
      }
    });
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    best.all = std::max(best.all, gflop / spent.count());
    best.thread = std::max(best.thread, gflop / (cpu_seconds() - cpu));
  }
  return best;
}

Worker peak_worker(ThreadPool& pool, nn::Precision precision) {
  return {nlohmann::json::object(),
          [&pool, precision] {
            const Peak peak = peak_gflops(pool, precision);
            return nlohmann::json{{"gflops", peak.all}, {"thread_gflops", peak.thread}};
          },
          {}};
}

}  // namespace ctclip::bench
