#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/writer.h"

namespace ctclip {

/// Hyper-parameters of CT-CLIP (arXiv:2403.17834); the defaults are those of CT_VocabFine_v2.pt.
struct CtClipShape {
  int64_t dim = 512;  ///< of a token
  int64_t depth = 4;  ///< layers of the spatial, and of the temporal transformer
  int64_t heads = 8;
  int64_t dim_head = 32;
  int64_t codes = 8192;         ///< rows of the codebook
  int64_t image = 480;          ///< rows and columns of the volume
  int64_t patch = 20;           ///< rows and columns of a patch
  int64_t temporal_patch = 10;  ///< slices of a patch
  int64_t latent = 512;         ///< size of the space that image and text share
  int64_t vocabulary = 30522;   ///< BERT: word pieces
  int64_t text_dim = 768;       ///< BERT: hidden size
  int64_t text_layers = 12;
  int64_t text_inner = 3072;     ///< BERT: feed-forward width
  int64_t text_positions = 512;  ///< BERT: longest prompt
};

/// Every tensor of CT-CLIP's state dict in its order, those that inference never uses included.
std::vector<TensorSpec> ct_clip_layout(const CtClipShape& shape);

/// CT-CLIP under "ct_clip." with a latent of 512, a LayerNorm(512) and a Linear(512, pathologies).
std::vector<TensorSpec> supervised_layout(CtClipShape shape, int64_t pathologies);

/// What the supervised model predicts where its checkpoint does not say.
std::vector<std::string> default_target_pathologies();

}  // namespace ctclip
