#include "models/ct_vit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "nn/bf16_rows.h"
#include "nn/kernels.h"
#include "nn/precision.h"

namespace ctclip::models {
namespace {

constexpr int64_t kTokenRows = 144;  // of a task's products
constexpr int64_t kPatchRows = 72;   // whose voxels are to stay in the L2 cache
constexpr int64_t kCodeBlock =
    1024;  // similarities of 144 tokens with so many codes stay in the L2 cache

CtVitGeometry require_whole_patches(const CtVitGeometry& g) {
  const bool whole = g.patch > 0 && g.patch_frames > 0 && g.frames > 0 && g.height > 0 &&
                     g.width > 0 && g.frames % g.patch_frames == 0 && g.height % g.patch == 0 &&
                     g.width % g.patch == 0;
  if (!whole) {
    throw Error(
        Code::bad_model,
        fmt::format("geometry: a volume of {}x{}x{} does not divide into patches of {}x{}x{}",
                    g.frames, g.height, g.width, g.patch_frames, g.patch, g.patch));
  }
  return g;
}

int64_t count_heads(const Weights& weights) {
  return weights.shape("spatial_rel_pos_bias.net.2.weight").at(0);
}

Tensor kept_bias(const Weights& weights, const Grid& grid, const nn::Engine& engine) {
  const int64_t tokens = grid.h * grid.w;
  return weights
      .derived(fmt::format("spatial_rel_pos_bias of {} x {}", grid.h, grid.w),
               {count_heads(weights), tokens, tokens},
               [&] { return position_bias(weights.scope("spatial_rel_pos_bias"), grid, engine); })
      .kept()
      .clone();
}

// The largest distance of a row from what it is rounded to.
Tensor lost_by_rounding(const SharedTensor& rows) {
  const int64_t dim = rows.dim(1);
  std::vector<Bfloat16> rounded(static_cast<std::size_t>(dim));
  Tensor most = Tensor::zeros({1});
  for (int64_t i = 0; i < rows.dim(0); ++i) {
    const float* row = rows.data() + i * dim;
    nn::round_values(row, dim, rounded.data());
    most.data()[0] = std::max(most.data()[0], nn::rounding_distance(row, rounded.data(), dim));
  }
  return most;
}

}  // namespace

PatchEmbedding::PatchEmbedding(const Weights& scope, const CtVitGeometry& geometry,
                               const nn::Engine& engine)
    : geometry_(geometry),
      rounded_(engine.precision() == nn::Precision::bf16),
      norm_in_(scope.scope("1"), geometry.patch_frames * geometry.patch * geometry.patch, 1e-5F),
      linear_(take_linear(scope.scope("2"), norm_in_.dim(), -1, true, engine, kPatchRows)),
      norm_out_(scope.scope("3"), linear_.out(), 1e-5F) {}

// Meanwhile the next patch comes into the cache: its lines are too short to be foreseen.
void PatchEmbedding::gather(const Tensor& volume, int64_t token, float* patch) const {
  const auto [grid_t, grid_h, grid_w] = geometry_.grid();
  const int64_t side = geometry_.patch;
  const int64_t frame = token / (grid_h * grid_w) * geometry_.patch_frames;
  const int64_t row = token / grid_w % grid_h * side;
  const int64_t column = token % grid_w * side;
  for (int64_t f = frame; f < frame + geometry_.patch_frames; ++f) {
    for (int64_t r = row; r < row + side; ++r, patch += side) {
      const float* from = volume.data() + (f * geometry_.height + r) * geometry_.width + column;
      std::copy_n(from, side, patch);
      if (column + 2 * side <= geometry_.width) __builtin_prefetch(from + 2 * side - 1);
    }
  }
}

Tensor PatchEmbedding::operator()(const Tensor& volume, const Pass& pass) const {
  const Grid grid = geometry_.grid();
  const int64_t patch_size = norm_in_.dim();
  Tensor tokens = pass.work.take({grid.t, grid.h * grid.w, dim()});
  pass.engine.pool().run_blocks(grid.tokens(), kPatchRows, [&](int64_t begin, int64_t end) {
    pass.watch.check();
    float* out = tokens.data() + begin * dim();
    auto patch = pass.work.borrow(patch_size);
    auto patches = pass.work.borrow(kPatchRows * patch_size / (rounded_ ? 2 : 1));
    for (int64_t token = begin; token < end; ++token) {
      const int64_t at = (token - begin) * patch_size;
      float* normed = rounded_ ? patch.data() : patches.data() + at;
      gather(volume, token, patch.data());
      norm_in_(patch.data(), 1, normed);
      if (rounded_) nn::round_values(normed, patch_size, as_bf16(patches.data()) + at);
    }
    if (rounded_) {
      linear_(as_bf16(patches.data()), end - begin, out);
    } else {
      linear_(patches.data(), end - begin, out);
    }
    norm_out_(out, end - begin, out);
  });
  return tokens;
}

Tensor position_bias(const Weights& scope, const Grid& grid, const nn::Engine& given) {
  const nn::Engine engine(given.pool());  // float32: computed once, and softmax is sensitive to it
  const int64_t dim = scope.shape("net.0.0.weight").at(0);
  const nn::Linear first = take_linear(scope.scope("net.0.0"), 2, dim, true, engine);
  const nn::Linear second = take_linear(scope.scope("net.1.0"), dim, dim, true, engine);
  const nn::Linear last = take_linear(scope.scope("net.2"), dim, -1, true, engine);
  constexpr float kSlope = 0.1F;

  const int64_t across = 2 * grid.w - 1;
  const int64_t offsets = (2 * grid.h - 1) * across;
  Tensor input = Tensor::uninitialised({offsets, 2});
  const auto spread = [](int64_t d) {  // sign(d) ln(|d| + 1)
    return std::copysign(std::log(static_cast<float>(std::abs(d)) + 1), static_cast<float>(d));
  };
  for (int64_t i = 0; i < offsets; ++i) {
    input.data()[2 * i] = spread(i / across - (grid.h - 1));
    input.data()[2 * i + 1] = spread(i % across - (grid.w - 1));
  }
  Tensor a = Tensor::uninitialised({offsets, dim});
  Tensor b = Tensor::uninitialised({offsets, dim});
  Tensor table = Tensor::uninitialised({offsets, last.out()});
  first(input.data(), offsets, a.data());
  nn::leaky_relu(a.data(), a.size(), kSlope);
  second(a.data(), offsets, b.data());
  nn::leaky_relu(b.data(), b.size(), kSlope);
  last(b.data(), offsets, table.data());

  const int64_t tokens = grid.h * grid.w;
  Tensor bias = Tensor::uninitialised({last.out(), tokens, tokens});
  engine.pool().run(last.out() * tokens, [&](int64_t row) {
    const int64_t head = row / tokens;
    const int64_t query = row % tokens;
    for (int64_t key = 0; key < tokens; ++key) {
      const int64_t down = query / grid.w - key / grid.w + grid.h - 1;
      const int64_t right = query % grid.w - key % grid.w + grid.w - 1;
      bias.data()[row * tokens + key] = table.data()[(down * across + right) * last.out() + head];
    }
  });
  return bias;
}

CosineCodebook::CosineCodebook(const Weights& scope, int64_t dim, const nn::Engine& engine)
    : codebook_(scope.share("embed", {1, -1, dim})), rounded_(nn::multiplies_bf16()) {
  const nn::Engine similar(engine.pool(), rounded_ ? nn::Precision::bf16 : nn::Precision::f32);
  const int64_t codes = codebook_.dim(1);
  codebook_ = codebook_.reshaped({codes, dim});
  for (int64_t begin = 0; begin < codes; begin += kCodeBlock) {
    const int64_t count = std::min(kCodeBlock, codes - begin);
    const LazyTensor unit = scope.derived(
        fmt::format("embed unit rows {} to {}", begin, begin + count), {count, dim}, [&] {
          Tensor rows = Tensor::uninitialised({count, dim});
          std::copy_n(row(begin), rows.size(), rows.data());
          nn::unit_heads(rows.data(), count, dim, 1, dim, nullptr);
          return rows;
        });
    blocks_.push_back({nn::Linear(unit, Tensor(), similar, kTokenRows), {}});
    if (!rounded_) continue;
    blocks_.back().unit = unit.kept();
    const LazyTensor lost =
        unit.derive("lost by rounding", {1}, [&] { return lost_by_rounding(blocks_.back().unit); });
    lost_ = std::max(lost_, lost.kept().data()[0]);
  }
}

void CosineCodebook::compete(const float* similarity, int64_t codes, int64_t first, Best& best) {
  const float top = nn::largest(similarity, codes);
  if (!(top > best.score)) return;
  best.score = top;
  best.code = first + nn::find_at_least(similarity, 0, codes, top);
}

// Of x y - x' y' = (x - x') y' + x (y - y') and |x| = |y| = 1, Cauchy-Schwarz makes at most
// |x - x'| (1 + 2^-8) + |y - y'|; summing up in float32 adds dim 2^-24. The nearest code's rounded
// similarity may be less by as much, and another's larger.
float CosineCodebook::margin(const float* token, const Bfloat16* rounded) const {
  const int64_t dim = codebook_.dim(1);
  const float lost = nn::rounding_distance(token, rounded, dim) + lost_;
  return 2 * (lost * (1 + 0x1p-7F) + static_cast<float>(dim) * 0x1p-23F);
}

void CosineCodebook::compete_rounded(const Block& block, const float* token,
                                     const float* similarity, int64_t first, Best& best) {
  const int64_t codes = block.similarity.out();
  const int64_t dim = block.similarity.in();
  best.rough = std::max(best.rough, nn::largest(similarity, codes));
  const auto candidate = [&](int64_t from) {
    return nn::find_at_least(similarity, from, codes, best.rough - best.margin);
  };
  for (int64_t code = candidate(0); code < codes; code = candidate(code + 1)) {
    const auto exact = static_cast<float>(nn::dot(token, block.unit.data() + code * dim, dim));
    if (!(exact > best.score)) continue;
    best.score = exact;
    best.code = first + code;
  }
}

void CosineCodebook::nearest(const float* x, int64_t rows, int32_t* out, const Pass& pass) const {
  const int64_t dim = codebook_.dim(1);
  auto unit = pass.work.borrow(kTokenRows * dim);
  auto rounded = pass.work.borrow(kTokenRows * dim / 2 + 1);
  auto similarity = pass.work.borrow(kTokenRows * std::min(kCodeBlock, codes()));
  std::copy_n(x, rows * dim, unit.data());
  nn::unit_heads(unit.data(), rows, dim, 1, dim, nullptr);
  std::array<Best, kTokenRows> best{};
  if (rounded_) {
    const Bfloat16* line = as_bf16(rounded.data());
    nn::round_values(unit.data(), rows * dim, as_bf16(rounded.data()));
    for (int64_t r = 0; r < rows; ++r) {
      best[static_cast<std::size_t>(r)].margin = margin(unit.data() + r * dim, line + r * dim);
    }
  }
  int64_t first = 0;
  for (const Block& block : blocks_) {
    const int64_t codes = block.similarity.out();
    if (rounded_) {
      block.similarity(as_bf16(rounded.data()), rows, similarity.data());
    } else {
      block.similarity(unit.data(), rows, similarity.data());
    }
    for (int64_t r = 0; r < rows; ++r) {
      const float* line = similarity.data() + r * codes;
      Best& found = best[static_cast<std::size_t>(r)];
      if (rounded_) {
        compete_rounded(block, unit.data() + r * dim, line, first, found);
      } else {
        compete(line, codes, first, found);
      }
    }
    first += codes;
  }
  for (int64_t r = 0; r < rows; ++r) {
    out[r] = static_cast<int32_t>(best[static_cast<std::size_t>(r)].code);
  }
}

std::vector<int32_t> CosineCodebook::operator()(const Tensor& x, const Pass& pass) const {
  const int64_t dim = codebook_.dim(1);
  const int64_t tokens = x.size() / dim;
  std::vector<int32_t> codes(static_cast<std::size_t>(tokens));
  pass.engine.pool().run_blocks(tokens, kTokenRows, [&](int64_t begin, int64_t end) {
    pass.watch.check();
    nearest(x.data() + begin * dim, end - begin, codes.data() + begin, pass);
  });
  return codes;
}

Tensor swap_axes(Tensor x, const Pass& pass) {
  const int64_t a = x.dim(0);
  const int64_t b = x.dim(1);
  const int64_t dim = x.dim(2);
  Tensor out = pass.work.take({b, a, dim});
  pass.engine.pool().run(b, [&](int64_t j) {
    for (int64_t i = 0; i < a; ++i) {
      std::copy_n(x.data() + (i * b + j) * dim, dim, out.data() + (j * a + i) * dim);
    }
  });
  pass.work.give(std::move(x));
  return out;
}

CtVit::CtVit(const Weights& weights, const CtVitGeometry& geometry, const nn::Engine& engine)
    : geometry_(require_whole_patches(geometry)),
      embed_(weights.scope("to_patch_emb"), geometry_, engine),
      bias_(kept_bias(weights, geometry_.grid(), engine)),
      spatial_(weights.scope("enc_spatial_transformer"), embed_.dim(), count_heads(weights),
               geometry_.grid().t, geometry_.grid().h * geometry_.grid().w, engine),
      temporal_(weights.scope("enc_temporal_transformer"), embed_.dim(), count_heads(weights),
                geometry_.grid().h * geometry_.grid().w, geometry_.grid().t, engine),
      codebook_(weights.scope("vq._codebook"), embed_.dim(), engine) {}

std::vector<int32_t> CtVit::encode(const Tensor& volume, const Pass& pass) const {
  if (volume.shape() != geometry_.volume()) {
    throw Error(Code::internal,
                fmt::format("CT-ViT expects a volume of {}, got {}", to_string(geometry_.volume()),
                            to_string(volume.shape())));
  }
  const auto trace = [&](std::string_view step, const Tensor& x) {
    if (pass.trace) pass.trace(step, x);
  };
  const Grid grid = geometry_.grid();
  Tensor x = embed_(volume, pass);  // (T, h*w, D)
  trace("patch_embedding", x);
  x = spatial_(std::move(x), grid, &bias_, "spatial", pass);  // sequences of h*w tokens
  trace("spatial_transformer_out", x);
  // The temporal PEG reads the memory (h*w, T, D) as if it were (T, h, w, D): the trained weights
  // rely on it.
  x = temporal_(swap_axes(std::move(x), pass), grid, nullptr, "temporal",
                pass);  // (h*w, T, D), sequences of T tokens
  trace("temporal_transformer_out", x);
  x = swap_axes(std::move(x), pass);  // (T, h*w, D)
  trace("vq_input", x);
  std::vector<int32_t> codes = codebook_(x, pass);
  pass.work.give(std::move(x));
  return codes;
}

Tensor CtVit::pool(const std::vector<int32_t>& codes) const {
  const Grid grid = geometry_.grid();
  const int64_t dim = embed_.dim();
  Tensor mean = Tensor::zeros({embedding_size()});
  for (int64_t token = 0; token < grid.tokens(); ++token) {
    float* out = mean.data() + token % (grid.h * grid.w) * dim;
    nn::add(codebook_.row(codes.at(static_cast<std::size_t>(token))), dim, out);
  }
  for (float& value : mean.values()) value /= static_cast<float>(grid.t);
  return mean;
}

}  // namespace ctclip::models
