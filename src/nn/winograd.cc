#include "nn/winograd.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace ctclip::nn {
namespace {

constexpr int64_t kBlockFloats = 1 << 18;  // transformed tiles and their products: half an L2 cache
constexpr int64_t kFewest = 32;            // rows that a product needs to reach its speed

// G of the two algorithms, a row for each point of a line.
constexpr std::array<std::array<double, 3>, 4> kSmall = {
    {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}};
constexpr std::array<std::array<double, 3>, 6> kLarge = {{{1 / 4.0, 0, 0},
                                                          {-1 / 6.0, -1 / 6.0, -1 / 6.0},
                                                          {-1 / 6.0, 1 / 6.0, -1 / 6.0},
                                                          {1 / 24.0, 1 / 12.0, 1 / 6.0},
                                                          {1 / 24.0, -1 / 12.0, 1 / 6.0},
                                                          {0, 0, 1}}};

std::span<const std::array<double, 3>> filter_matrix(int64_t side) {
  if (side == 2) return kSmall;
  return kLarge;
}

// G g G^T for every pair of channels: (out, in, 3, 3) -> (points, in, out).
Tensor transform(const SharedTensor& weight, int64_t side) {
  const auto matrix = filter_matrix(side);
  const int64_t out = weight.dim(0);
  const int64_t in = weight.dim(1);
  const auto line = static_cast<int64_t>(matrix.size());
  Tensor result = Tensor::uninitialised({line * line, in, out});
  for (int64_t pair = 0; pair < out * in; ++pair) {
    const float* g = weight.data() + pair * 9;
    float* to = result.data() + pair % in * out + pair / in;
    for (int64_t point = 0; point < line * line; ++point) {
      const auto& down = matrix[static_cast<std::size_t>(point / line)];
      const auto& across = matrix[static_cast<std::size_t>(point % line)];
      double total = 0;
      for (std::size_t tap = 0; tap < 9; ++tap) {
        total += down[tap / 3] * across[tap % 3] * static_cast<double>(g[tap]);
      }
      to[point * in * out] = static_cast<float>(total);
    }
  }
  return result;
}

SharedTensor transformed(const LazyTensor& weight, int64_t side) {
  const auto line = static_cast<int64_t>(filter_matrix(side).size());
  const Shape shape = {line * line, weight.dim(1), weight.dim(0)};
  return weight
      .derive(fmt::format("winograd {} {}", side, to_string(shape)), shape,
              [&] { return transform(weight.values(), side); })
      .kept();
}

}  // namespace

Winograd::Winograd(const LazyTensor& weight, const Tensor& bias, int64_t height, int64_t width,
                   int64_t side)
    : grid_{height, width, side},
      in_(weight.dim(1)),
      out_(weight.dim(0)),
      block_(std::clamp(kBlockFloats / (grid_.points() * (in_ + out_)), kFewest, grid_.tiles())),
      weight_(transformed(weight, side)),
      bias_(bias.clone()) {
  multiply(block_);
  if (grid_.tiles() % block_ != 0) multiply(grid_.tiles() % block_);
}

void Winograd::multiply(int64_t tiles) {
  const int64_t points = grid_.points();
  products_.emplace_back(
      MatrixBatch{1, points, tiles, in_, points * tiles * in_, tiles * in_, in_, 1},
      MatrixBatch{1, points, in_, out_, points * in_ * out_, in_ * out_, out_, 1},
      MatrixBatch{1, points, tiles, out_, points * tiles * out_, tiles * out_, out_, 1});
}

void Winograd::operator()(const float* x, float* y, const float* residual, Workspace& work) const {
  auto tiles = work.borrow(grid_.points() * block_ * in_);
  auto products = work.borrow(grid_.points() * block_ * out_);
  for (int64_t first = 0; first < grid_.tiles(); first += block_) {
    const int64_t count = std::min(block_, grid_.tiles() - first);
    winograd_input(x, grid_, first, count, in_, tiles.data());
    const BatchMatMul& multiply = count == block_ ? products_.front() : products_.back();
    multiply(tiles.data(), weight_.data(), products.data());
    winograd_output(products.data(), grid_, first, count, out_,
                    bias_.empty() ? nullptr : bias_.data(), residual, y);
  }
}

}  // namespace ctclip::nn
