#include "checkpoint/layouts.h"

#include <utility>

namespace ctclip {
namespace {

/// The supervised head is written for this size.
constexpr int64_t kHeadSize = 512;
constexpr int64_t kPegKernel = 3;

/// Collects tensors under a prefix.
class Layout {
 public:
  void tensor(const std::string& name, Shape shape, const std::string& dtype = "float32") {
    tensors_.push_back({prefix_ + name, std::move(shape), dtype});
  }
  /// Weight and bias of a Linear.
  void linear(const std::string& name, int64_t out, int64_t in) {
    tensor(name + ".weight", {out, in});
    tensor(name + ".bias", {out});
  }
  /// Weight and bias of a LayerNorm.
  void norm(const std::string& name, int64_t size) {
    tensor(name + ".weight", {size});
    tensor(name + ".bias", {size});
  }
  /// CT-ViT's own LayerNorm, whose bias is a buffer.
  void gamma_beta(const std::string& name, int64_t size) {
    tensor(name + ".gamma", {size});
    tensor(name + ".beta", {size});
  }
  /// Calls `inside` with all names under `name`.
  template <typename Inside>
  void scope(const std::string& name, Inside inside) {
    const std::string outer = std::exchange(prefix_, prefix_ + name + ".");
    inside();
    prefix_ = outer;
  }
  std::vector<TensorSpec> take() { return std::move(tensors_); }

 private:
  std::string prefix_;
  std::vector<TensorSpec> tensors_;
};

void bert_layer(Layout& layout, const CtClipShape& shape) {
  const int64_t dim = shape.text_dim;
  layout.linear("attention.self.query", dim, dim);
  layout.linear("attention.self.key", dim, dim);
  layout.linear("attention.self.value", dim, dim);
  layout.linear("attention.output.dense", dim, dim);
  layout.norm("attention.output.LayerNorm", dim);
  layout.linear("intermediate.dense", shape.text_inner, dim);
  layout.linear("output.dense", dim, shape.text_inner);
  layout.norm("output.LayerNorm", dim);
}

void bert(Layout& layout, const CtClipShape& shape) {
  const int64_t dim = shape.text_dim;
  layout.tensor("embeddings.position_ids", {1, shape.text_positions}, "int64");
  layout.tensor("embeddings.word_embeddings.weight", {shape.vocabulary, dim});
  layout.tensor("embeddings.position_embeddings.weight", {shape.text_positions, dim});
  layout.tensor("embeddings.token_type_embeddings.weight", {2, dim});
  layout.norm("embeddings.LayerNorm", dim);
  for (int64_t i = 0; i < shape.text_layers; ++i) {
    layout.scope("encoder.layer." + std::to_string(i), [&] { bert_layer(layout, shape); });
  }
  layout.linear("pooler.dense", dim, dim);
}

void patch_embedding(Layout& layout, const std::string& name, int64_t values, int64_t dim) {
  layout.scope(name, [&] {
    layout.norm("1", values);
    layout.linear("2", dim, values);
    layout.norm("3", dim);
  });
}

void transformer_layer(Layout& layout, const CtClipShape& shape) {
  const int64_t dim = shape.dim;
  const int64_t inner = shape.heads * shape.dim_head;
  const int64_t feed_forward = dim * 4 * 2 / 3;
  layout.tensor("0.dsconv.weight", {dim, 1, kPegKernel, kPegKernel, kPegKernel});
  layout.tensor("0.dsconv.bias", {dim});
  layout.tensor("1.null_kv", {shape.heads, 0, shape.dim_head});
  layout.tensor("1.q_scale", {shape.dim_head});
  layout.tensor("1.k_scale", {shape.dim_head});
  layout.gamma_beta("1.norm", dim);
  layout.gamma_beta("1.context_norm", dim);
  layout.tensor("1.to_q.weight", {inner, dim});
  layout.tensor("1.to_kv.weight", {2 * inner, dim});
  layout.tensor("1.to_out.weight", {dim, inner});
  layout.norm("3.0", dim);
  layout.tensor("3.1.weight", {2 * feed_forward, dim});
  layout.tensor("3.4.weight", {dim, feed_forward});
}

void transformer(Layout& layout, const CtClipShape& shape) {
  for (int64_t i = 0; i < shape.depth; ++i) {
    layout.scope("layers." + std::to_string(i), [&] { transformer_layer(layout, shape); });
  }
  layout.gamma_beta("norm_out", shape.dim);
}

void ct_vit(Layout& layout, const CtClipShape& shape) {
  const int64_t dim = shape.dim;
  const int64_t flat = shape.patch * shape.patch;
  const int64_t deep = flat * shape.temporal_patch;
  layout.linear("spatial_rel_pos_bias.net.0.0", dim, 2);
  layout.linear("spatial_rel_pos_bias.net.1.0", dim, dim);
  layout.linear("spatial_rel_pos_bias.net.2", shape.heads, dim);
  patch_embedding(layout, "to_patch_emb_first_frame", flat, dim);
  patch_embedding(layout, "to_patch_emb", deep, dim);
  layout.scope("enc_spatial_transformer", [&] { transformer(layout, shape); });
  layout.scope("enc_temporal_transformer", [&] { transformer(layout, shape); });
  layout.tensor("vq._codebook.initted", {1});
  layout.tensor("vq._codebook.cluster_size", {1, shape.codes});
  layout.tensor("vq._codebook.embed", {1, shape.codes, dim});
  layout.linear("to_pixels_first_frame.0", flat, dim);
  layout.linear("to_pixels.0", deep, dim);
}

void ct_clip(Layout& layout, const CtClipShape& shape) {
  const int64_t side = shape.image / shape.patch;
  const int64_t visual = side * side * shape.dim;
  layout.tensor("temperature", {});
  layout.scope("text_transformer", [&] { bert(layout, shape); });
  layout.scope("visual_transformer", [&] { ct_vit(layout, shape); });
  for (const std::string suffix : {"", "_extra"}) {
    layout.tensor("to_text_latent" + suffix + ".weight", {shape.latent, shape.text_dim});
    layout.tensor("to_visual_latent" + suffix + ".weight", {shape.latent, visual});
  }
}

}  // namespace

std::vector<TensorSpec> ct_clip_layout(const CtClipShape& shape) {
  Layout layout;
  ct_clip(layout, shape);
  return layout.take();
}

std::vector<TensorSpec> supervised_layout(CtClipShape shape, int64_t pathologies) {
  shape.latent = kHeadSize;
  Layout layout;
  layout.scope("ct_clip", [&] { ct_clip(layout, shape); });
  layout.norm("pre_head_norm", kHeadSize);
  layout.linear("classifier.1", pathologies, kHeadSize);
  return layout.take();
}

std::vector<std::string> default_target_pathologies() {
  return {"ribs_fracture",   "pleural_effusion",
          "aorta_pathology", "pulmonary_trunk_pathology",
          "cancer",          "atelectasis",
          "covid",           "infiltrate",
          "emphysema",       "paracardial_fat_pathology",
          "fibrosis",        "airiness_decrease",
          "pneumothorax",    "coronary_calcium",
          "osteo_fracture"};
}

}  // namespace ctclip
