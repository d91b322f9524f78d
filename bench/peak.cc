#include "bench/peak.h"

#include <algorithm>
#include <chrono>

#include "base/tensor.h"
#include "nn/engine.h"
#include "nn/matmul.h"

namespace ctclip::bench {

double peak_gflops(ThreadPool& pool, nn::Precision precision) {
  constexpr int64_t kRows = 1152;
  constexpr int64_t kSize = 2048;
  constexpr int kCalls = 4;
  constexpr int kRounds = 8;
  const nn::Engine engine(pool, precision);
  const nn::Linear product(Tensor::zeros({kSize, kSize}), Tensor(), engine, kRows);
  const Tensor x = Tensor::zeros({kRows, kSize});
  std::vector<Tensor> results;
  results.reserve(static_cast<std::size_t>(pool.threads()));
  for (int i = 0; i < pool.threads(); ++i) results.push_back(Tensor::zeros({kRows, kSize}));
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto began = std::chrono::steady_clock::now();
    pool.run(pool.threads(), [&](int64_t thread) {
      for (int call = 0; call < kCalls; ++call) {
        product(x.data(), kRows, results[static_cast<std::size_t>(thread)].data());
      }
    });
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    const double flop = 2.0 * kRows * kSize * kSize * kCalls * pool.threads();
    best = std::max(best, flop / spent.count() / 1e9);
  }
  return best;
}

}  // namespace ctclip::bench
