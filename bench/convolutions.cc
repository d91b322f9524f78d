#include <fmt/format.h>

#include <vector>

#include "bench/part_table.h"
#include "bench/parts.h"
#include "nn/convolution.h"

namespace ctclip::bench {
namespace {

struct Form {
  int64_t in, out, side;
};

constexpr Form kForms[] = {{32, 32, 256},  {32, 32, 128},    {64, 64, 64},    {128, 128, 16},
                           {128, 128, 8},  {128, 128, 256},  {256, 128, 256}, {256, 256, 128},
                           {512, 512, 64}, {1024, 1024, 32}, {2048, 1024, 32}};
constexpr std::pair<nn::ConvolutionMethod, const char*> kMethods[] = {
    {nn::ConvolutionMethod::direct, "direct"},
    {nn::ConvolutionMethod::winograd_2, "F(2x2, 3x3)"},
    {nn::ConvolutionMethod::winograd_4, "F(4x4, 3x3)"},
    {nn::ConvolutionMethod::winograd_2_bf16, "F(2x2, 3x3) of bf16"}};
constexpr int kCalls = 5;

}  // namespace

void print_convolutions() {
  ThreadPool pool(1);
  const nn::Engine engine(pool);
  nn::Workspace work;
  std::vector<Part> parts;
  for (const auto& [in, out, side] : kForms) {
    const Tensor weight = Tensor::zeros({out, in, 3, 3});
    for (const auto& [method, name] : kMethods) {
      const nn::Convolution convolve(weight, {}, {side, side}, 1, engine, method);
      auto x = work.borrow(side * side * in);
      auto y = work.borrow(side * side * out);
      std::fill_n(x.data(), side * side * in, 0.5F);
      const auto call = [&] { convolve(x.data(), y.data(), work); };
      parts.push_back({fmt::format("{} -> {}, {}x{}, {}", in, out, side, side, name),
                       least_cpu_seconds(kCalls, call),
                       static_cast<double>(convolve.flops()) / 1e9});
    }
  }
  print_parts("Convolutions by method", parts, nn::Precision::f32);
}

}  // namespace ctclip::bench
