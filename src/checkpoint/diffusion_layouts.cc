#include "checkpoint/diffusion_layouts.h"

#include <algorithm>
#include <string>
#include <utility>

namespace ctclip {
namespace {

constexpr int64_t kClasses = 2;
constexpr int64_t kKernel = 3;

class Layout {
 public:
  explicit Layout(const UnetShape& shape) : shape_(shape), channels_(shape.channels) {
    const int64_t embedding = embedding_size();
    affine("time_embed.0", {embedding, shape.channels});
    affine("time_embed.2", {embedding, embedding});
  }

  int64_t embedding_size() const { return 4 * shape_.channels; }
  int64_t channels() const { return channels_; }
  int64_t factor() const { return factor_; }

  void tensor(const std::string& name, Shape shape) {
    tensors_.push_back({name, std::move(shape), "float32"});
  }
  /// A weight and the bias of its outputs.
  void affine(const std::string& name, const Shape& weight) {
    tensor(name + ".weight", weight);
    tensor(name + ".bias", {weight.front()});
  }
  void convolution(const std::string& name, int64_t out, int64_t in) {
    affine(name, {out, in, kKernel, kKernel});
  }

  void residual(const std::string& name, int64_t in, int64_t out) {
    affine(name + ".in_layers.0", {in});
    convolution(name + ".in_layers.2", out, in);
    affine(name + ".emb_layers.1", {2 * out, embedding_size()});
    affine(name + ".out_layers.0", {out});
    convolution(name + ".out_layers.3", out, out);
    if (in != out) affine(name + ".skip_connection", {out, in, 1, 1});
    channels_ = out;
  }

  void attention(const std::string& name) {
    affine(name + ".norm", {channels_});
    affine(name + ".qkv", {3 * channels_, channels_, 1});
    affine(name + ".proj_out", {channels_, channels_, 1});
  }
  bool attends() const {
    return std::ranges::find(shape_.attention, factor_) != shape_.attention.end();
  }

  /// The input blocks; `pooling`: residual blocks that pool, else convolutions that stride.
  /// Returns the channels of every block's output.
  std::vector<int64_t> encoder(bool pooling) {
    convolution("input_blocks.0.0", shape_.channels, 1);
    std::vector<int64_t> outputs = {shape_.channels};
    const auto next = [&] { return "input_blocks." + std::to_string(outputs.size()); };
    for (std::size_t level = 0; level < shape_.multipliers.size(); ++level) {
      for (int64_t i = 0; i < shape_.blocks; ++i) {
        residual(next() + ".0", channels_, shape_.multipliers[level] * shape_.channels);
        if (attends()) attention(next() + ".1");
        outputs.push_back(channels_);
      }
      if (level + 1 == shape_.multipliers.size()) break;
      if (pooling) {
        residual(next() + ".0", channels_, channels_);
      } else {
        convolution(next() + ".0.op", channels_, channels_);
      }
      outputs.push_back(channels_);
      factor_ *= 2;
    }
    return outputs;
  }

  void middle() {
    residual("middle_block.0", channels_, channels_);
    attention("middle_block.1");
    residual("middle_block.2", channels_, channels_);
  }

  void decoder(std::vector<int64_t> skips) {
    int64_t number = 0;
    for (std::size_t level = shape_.multipliers.size(); level-- > 0;) {
      for (int64_t i = 0; i <= shape_.blocks; ++i, ++number) {
        const std::string name = "output_blocks." + std::to_string(number);
        residual(name + ".0", channels_ + skips.back(),
                 shape_.multipliers[level] * shape_.channels);
        skips.pop_back();
        if (attends()) attention(name + ".1");
        if (level > 0 && i == shape_.blocks) {
          convolution(name + (attends() ? ".2.conv" : ".1.conv"), channels_, channels_);
          factor_ /= 2;
        }
      }
    }
  }

  std::vector<TensorSpec> take() { return std::move(tensors_); }

 private:
  const UnetShape& shape_;
  int64_t channels_;    // of the last block's output
  int64_t factor_ = 1;  // of down-sampling, there
  std::vector<TensorSpec> tensors_;
};

}  // namespace

UnetShape slice_classifier_shape(bool full_size) {
  if (full_size) return {256, 32, {1, 1, 2, 2, 4, 4}, 2, {8, 16, 32}};
  return {64, 32, {1, 2, 3, 4}, 1, {2, 8}};
}

UnetShape diffusion_unet_shape(bool full_size) {
  if (full_size) return {256, 128, {1, 2, 4, 8}, 2, {}};
  return {64, 32, {1, 2, 2}, 2, {}};
}

std::vector<TensorSpec> slice_classifier_layout(const UnetShape& shape) {
  Layout layout(shape);
  layout.encoder(/*pooling=*/true);
  layout.middle();
  const int64_t channels = layout.channels();
  const int64_t side = shape.image / layout.factor();
  layout.affine("out.0", {channels});
  layout.tensor("out.2.positional_embedding", {channels, side * side + 1});
  layout.affine("out.2.qkv_proj", {3 * channels, channels, 1});
  layout.affine("out.2.c_proj", {kClasses, channels, 1});
  return layout.take();
}

std::vector<TensorSpec> diffusion_unet_layout(const UnetShape& shape) {
  constexpr int64_t kOutputs = 2;  // noise, variance coefficient
  Layout layout(shape);
  layout.tensor("label_emb.weight", {kClasses, layout.embedding_size()});
  std::vector<int64_t> skips = layout.encoder(/*pooling=*/false);
  layout.middle();
  layout.decoder(std::move(skips));
  layout.affine("out.0", {layout.channels()});
  layout.convolution("out.2", kOutputs, layout.channels());
  return layout.take();
}

}  // namespace ctclip
