#include "nn/winograd.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <tuple>

#include "nn/bf16_kernels.h"

namespace ctclip::nn {
namespace {

constexpr int64_t kBlockFloats = 1 << 17;  // transformed tiles and their products: half an L2 cache
constexpr int64_t kNarrow = 128;     // channels: up to these our own product is the quicker one
constexpr int64_t kFewest = 32;      // rows that a product needs to reach its speed
constexpr int64_t kLeastHeight = 8;  // of a band: it keeps two rows of the one above

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

Shape transformed_shape(const LazyTensor& weight, int64_t side) {
  const auto line = static_cast<int64_t>(filter_matrix(side).size());
  return {line * line, weight.dim(1), weight.dim(0)};
}

SharedTensor transformed(const LazyTensor& weight, int64_t side) {
  const Shape shape = transformed_shape(weight, side);
  return weight
      .derive(fmt::format("winograd {} {}", side, to_string(shape)), shape,
              [&] { return transform(weight.values(), side); })
      .kept();
}

// (points, in / 2, out, 2)
SharedBytes transformed_and_rounded(const LazyTensor& weight, int64_t side) {
  const Shape shape = transformed_shape(weight, side);
  const auto size = static_cast<std::size_t>(element_count(shape)) * sizeof(Bfloat16);
  return weight.form(
      fmt::format("winograd {} bf16 {}", side, to_string(shape)), size, [&](std::byte* to) {
        const Tensor values = transform(weight.values(), side);
        const int64_t out = shape[2];
        for (int64_t pair = 0; pair < shape[0] * shape[1] / 2; ++pair) {
          for (int64_t i = 0; i < 2 * out; ++i) {
            const float value = values.data()[(2 * pair + i % 2) * out + i / 2];
            const Bfloat16 rounded = round_bf16(value);
            std::memcpy(to + (pair * 2 * out + i) * static_cast<int64_t>(sizeof rounded), &rounded,
                        sizeof rounded);
          }
        }
      });
}

}  // namespace

/// Rows of an image, normalised or as they are; `data` begins at the image's row `first`.
struct Winograd::Rows {
  const float* data;
  int64_t first;
};

namespace {

/// Rows of an image normalised as a convolution comes to them. Bands share the last two rows of one
/// with the first two of the next.
class NormalisedRows {
 public:
  NormalisedRows(const float* x, const ChannelMap& map, int64_t width, int64_t channels,
                 int64_t rows, Precision precision, Workspace& work)
      : precision_(precision),
        x_(x),
        map_(map),
        width_(width),
        channels_(channels),
        memory_(work.borrow(rows * width * channels)) {}

  /// Rows [begin, end) of the image; each call goes on further down.
  const float* take(int64_t begin, int64_t end) {
    const int64_t kept = std::max<int64_t>(end_ - begin, 0);
    float* rows = memory_.data();
    std::copy_n(rows + (end_ - kept - begin_) * line(), kept * line(), rows);
    const auto normalise = precision_ == Precision::bf16 ? normalise_silu_bf16 : normalise_silu;
    normalise(x_ + (begin + kept) * line(), (end - begin - kept) * width_, channels_, map_,
              rows + kept * line());
    begin_ = begin;
    end_ = end;
    return rows;
  }

 private:
  int64_t line() const { return width_ * channels_; }

  Precision precision_;
  const float* x_;
  const ChannelMap& map_;
  int64_t width_, channels_;
  Workspace::Lease memory_;
  int64_t begin_ = 0, end_ = 0;
};

}  // namespace

Winograd::Winograd(const LazyTensor& weight, const Tensor& bias, int64_t height, int64_t width,
                   int64_t side, Precision precision)
    : precision_(precision),
      grid_{height, width, side},
      in_(weight.dim(1)),
      out_(weight.dim(0)),
      block_(std::min(std::max(kBlockFloats / (grid_.points() * (in_ + out_)), kFewest),
                      grid_.tiles())),
      bias_(bias.clone()) {
  if (precision_ == Precision::bf16) {
    rounded_ = transformed_and_rounded(weight, side);
    return;
  }
  weight_ = transformed(weight, side);
  if (in_ <= kNarrow) return;
  plan(band_tiles());
  plan(grid_.tiles() % band_tiles());
}

int64_t Winograd::band_rows() const {
  const int64_t enough = (kFewest + grid_.across() - 1) / grid_.across();
  const int64_t tall = (kLeastHeight + grid_.side - 1) / grid_.side;
  return std::min(std::max(enough, tall), grid_.tiles() / grid_.across());
}

// The products of a band of so many tiles: whole blocks, and the last one where it is shorter.
void Winograd::plan(int64_t tiles) {
  const int64_t points = grid_.points();
  for (const int64_t count : {std::min(block_, tiles), tiles % block_}) {
    if (count == 0 || products_.contains(count)) continue;
    const int64_t from = point_stride(count, in_);
    const int64_t to = point_stride(count, out_);
    products_.emplace(
        std::piecewise_construct, std::forward_as_tuple(count),
        std::forward_as_tuple(
            MatrixBatch{1, points, count, in_, points * from, from, in_, 1},
            MatrixBatch{1, points, in_, out_, points * in_ * out_, in_ * out_, out_, 1},
            MatrixBatch{1, points, count, out_, points * to, to, out_, 1}));
  }
}

void Winograd::transform_and_multiply(const Rows& source, int64_t first, int64_t count,
                                      float* given, float* products) const {
  if (precision_ == Precision::bf16) {
    Bfloat16* tiles = as_bf16(given);
    winograd_input_bf16(source.data, source.first, grid_, first, count, in_, tiles);
    winograd_multiply_bf16(tiles, rounded_weight(), grid_.points(), count, in_, out_, products);
    return;
  }
  winograd_input(source.data, source.first, grid_, first, count, in_, given);
  if (in_ <= kNarrow) {
    winograd_multiply(given, weight_.data(), grid_.points(), count, in_, out_, products);
  } else {
    products_.at(count)(given, weight_.data(), products);
  }
}

void Winograd::convolve(const Rows& source, int64_t first, int64_t tiles, float* y,
                        const float* residual, Workspace& work) const {
  auto given = work.borrow(grid_.points() * point_stride(block_, in_));
  auto products = work.borrow(grid_.points() * point_stride(block_, out_));
  for (int64_t done = 0; done < tiles; done += block_) {
    const int64_t count = std::min(block_, tiles - done);
    transform_and_multiply(source, first + done, count, given.data(), products.data());
    winograd_output(products.data(), grid_, first + done, count, out_,
                    bias_.empty() ? nullptr : bias_.data(), residual, y);
  }
}

void Winograd::operator()(const float* x, float* y, const float* residual, const Fused& fused,
                          Workspace& work) const {
  const int64_t height = band_rows() * grid_.side;
  std::optional<NormalisedRows> normalised;
  if (fused.silu != nullptr) {
    normalised.emplace(x, *fused.silu, grid_.width, in_, height + 2, precision_, work);
  }
  for (int64_t first = 0; first < grid_.tiles(); first += band_tiles()) {
    const int64_t top = first / grid_.across() * grid_.side;
    const int64_t bottom = std::min(top + height, grid_.height);
    Rows source{x, 0};
    if (normalised) {
      const int64_t above = std::max<int64_t>(top - 1, 0);
      source = {normalised->take(above, std::min(bottom + 1, grid_.height)), above};
    }
    convolve(source, first, std::min(band_tiles(), grid_.tiles() - first), y, residual, work);
    if (fused.moments != nullptr) {
      fused.moments->add(y + top * grid_.width * out_, (bottom - top) * grid_.width);
    }
  }
}

}  // namespace ctclip::nn
