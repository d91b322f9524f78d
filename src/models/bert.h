#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/tensor.h"
#include "checkpoint/checkpoint.h"
#include "models/layers.h"
#include "models/transformer.h"

namespace ctclip::models {

/// BERT encoder (Devlin et al., arXiv:1810.04805; post-norm), as in transformers.BertModel without
/// its pooler. Sequences are never padded: several are laid one behind the other for the linear
/// layers, and each attends to itself.
class Bert {
 public:
  /// `heads` stands in no shape; it must divide the hidden size. Throws Error{bad_model}.
  Bert(const Weights& weights, int64_t heads, const nn::Engine& engine);

  int64_t hidden_size() const { return hidden_; }
  int64_t positions() const { return positions_.dim(0); }
  int64_t vocabulary() const { return words_.dim(0); }

  /// Last hidden state of every token of every sequence (token ids), (tokens, hidden), sequence
  /// after sequence. Single-threaded: callers give each thread its own sequences.
  Tensor operator()(std::span<const std::vector<int32_t>> sequences) const;

 private:
  struct Layer {
    nn::Linear query, key, value, attention_output;
    LayerNorm attention_norm;
    nn::Linear intermediate, output;
    LayerNorm output_norm;
  };
  Tensor embed(std::span<const std::vector<int32_t>> sequences) const;
  void attend(const Layer& layer, const Tensor& x, std::span<const std::vector<int32_t>> sequences,
              Tensor& context) const;

  int64_t hidden_, heads_;
  Tensor words_, positions_, token_types_;
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace ctclip::models
