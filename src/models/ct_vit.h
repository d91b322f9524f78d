#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "base/bfloat16.h"
#include "base/tensor.h"
#include "checkpoint/checkpoint.h"
#include "models/layers.h"
#include "models/transformer.h"

namespace ctclip::models {

/// Size of the volume that a CT-ViT was trained on and of its patches: what the shapes in a
/// checkpoint cannot tell.
struct CtVitGeometry {
  int64_t frames = 240, height = 480, width = 480;
  int64_t patch_frames = 10, patch = 20;
  Grid grid() const { return {frames / patch_frames, height / patch, width / patch}; }
  Shape volume() const { return {frames, height, width}; }
};

/// Volume -> tokens: LN, Linear, LN of each 3-D patch, its voxels in the order (frame, row,
/// column).
class PatchEmbedding {
 public:
  PatchEmbedding(const Weights& scope, const CtVitGeometry& geometry, const nn::Engine& engine);
  int64_t dim() const { return linear_.out(); }
  /// (F, H, W) -> (T, h*w, D), straight from the volume: the patches are never stored together.
  Tensor operator()(const Tensor& volume, const Pass& pass) const;

 private:
  void gather(const Tensor& volume, int64_t token, float* patch) const;

  CtVitGeometry geometry_;
  bool rounded_;
  LayerNorm norm_in_;
  nn::Linear linear_;
  LayerNorm norm_out_;
};

/// Continuous relative position bias (Swin V2, arXiv:2111.09883, as CT-ViT has it), computed once
/// from the (2H-1)(2W-1) distinct offsets: (heads, h*w, h*w).
Tensor position_bias(const Weights& scope, const Grid& grid, const nn::Engine& engine);

/// Vector quantiser with cosine similarity: each token becomes the stored codebook row that is
/// nearest in angle. The choice is float32's in every precision: where the processor multiplies
/// bfloat16, similarities of rounded vectors only pick candidates, among which is every code that
/// rounding may have kept from being the nearest, and those are compared in float32.
class CosineCodebook {
 public:
  CosineCodebook(const Weights& scope, int64_t dim, const nn::Engine& engine);
  int64_t codes() const { return codebook_.dim(0); }
  const float* row(int64_t code) const { return codebook_.data() + code * codebook_.dim(1); }
  /// x (tokens, D) -> index of the nearest row for each, the first where several are equally near.
  std::vector<int32_t> operator()(const Tensor& x, const Pass& pass) const;

 private:
  /// Similarities never exist for all codes, but for a block of them.
  struct Block {
    nn::Linear similarity;  // with the block's unit rows
    SharedTensor unit;      // those rows, where candidates are compared again
  };
  struct Best {
    float score = -std::numeric_limits<float>::infinity();
    int64_t code = 0;
    float rough = -std::numeric_limits<float>::infinity();  // the largest rounded similarity so far
    float margin = 0;  // by how much the nearest code's rounded one may be less than that
  };
  void nearest(const float* x, int64_t rows, int32_t* out, const Pass& pass) const;
  /// The choice among a block's codes, whose first is `first`, and what was best before it.
  static void compete(const float* similarity, int64_t codes, int64_t first, Best& best);
  static void compete_rounded(const Block& block, const float* token, const float* similarity,
                              int64_t first, Best& best);
  float margin(const float* token, const Bfloat16* rounded) const;

  SharedTensor codebook_;  // (codes, D), as stored
  bool rounded_;
  float lost_ = 0;  // at most, of a unit row by its rounding
  std::vector<Block> blocks_;
};

/// Image encoder of CT-CLIP (arXiv:2403.17834): prepared volume (F, H, W) in [-1, 1] -> quantised
/// tokens, averaged over time. Immutable once built, so any number of threads may call it; scratch
/// memory belongs to the caller's Workspace.
class CtVit {
 public:
  /// Throws Error{bad_model}: which tensor, both shapes.
  CtVit(const Weights& weights, const CtVitGeometry& geometry, const nn::Engine& engine);

  const CtVitGeometry& geometry() const { return geometry_; }
  /// h * w * D, the size of the image embedding.
  int64_t embedding_size() const { return geometry_.grid().h * geometry_.grid().w * embed_.dim(); }

  /// Codebook index of each token, in the order (t, h, w).
  std::vector<int32_t> encode(const Tensor& volume, const Pass& pass) const;
  /// Mean over t of the codebook rows: (h*w*D).
  Tensor pool(const std::vector<int32_t>& codes) const;

  const CosineCodebook& codebook() const { return codebook_; }
  const Tensor& bias() const { return bias_; }

 private:
  CtVitGeometry geometry_;
  PatchEmbedding embed_;
  Tensor bias_;
  Transformer spatial_, temporal_;
  CosineCodebook codebook_;
};

/// (A, B, D) -> (B, A, D); x goes back to the workspace.
Tensor swap_axes(Tensor x, const Pass& pass);

}  // namespace ctclip::models
