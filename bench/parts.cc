#include "bench/parts.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "base/npy.h"
#include "bench/part_table.h"
#include "models/ct_vit.h"
#include "models/unet_attention.h"
#include "models/unet_layers.h"
#include "pipeline/bundle.h"

namespace ctclip::bench {
namespace {

constexpr int kRounds = 3;
constexpr int kBlockRounds = 12;

/// GFLOP of the encoder's parts at the clinical size: tokens, width, inner width of the gated
/// feed-forward, both transformers' depth, heads x head size.
std::map<std::string, double> encoder_gflop() {
  constexpr double kTokens = 24 * 24 * 24, kDim = 512, kInner = 1365, kDepth = 4, kWidth = 256;
  constexpr double kCodes = 8192, kPatch = 10 * 20 * 20, kTaps = 27;
  const auto attention = [&](double length) {  // q, kv and out; q k^T and p v
    return kDepth * 2e-9 * (kTokens * kDim * 4 * kWidth + 2 * kTokens * length * kWidth);
  };
  const double feed_forward = kDepth * 2e-9 * kTokens * kDim * 3 * kInner;
  const double peg = kDepth * 2e-9 * kTokens * kDim * kTaps;
  return {{"patch_embedding", 2e-9 * kTokens * kDim * kPatch},
          {"spatial_peg", peg},
          {"temporal_peg", peg},
          {"spatial_attn", attention(24 * 24)},
          {"temporal_attn", attention(24)},
          {"spatial_ff", feed_forward},
          {"temporal_ff", feed_forward},
          {"quantiser", 2e-9 * kTokens * kDim * kCodes}};
}

// "spatial_layer2_attn" -> "spatial_attn": the layers of a transformer count together.
std::string part_of(std::string step) {
  const auto layer = step.find("_layer");
  if (layer == std::string::npos) return step;
  return step.erase(layer, step.rfind('_') - layer);
}

/// CPU seconds by part of one pass through the encoder.
std::vector<Part> encode_once(const models::CtVit& encode, const Tensor& volume,
                              const nn::Engine& engine, nn::Workspace& work) {
  std::vector<Part> parts;
  double last = cpu_seconds();
  const auto add = [&](const std::string& name) {
    const double now = cpu_seconds();
    auto found = std::ranges::find(parts, name, &Part::name);
    if (found == parts.end()) found = parts.insert(parts.end(), {name, 0, 0});
    found->seconds += now - last;
    last = now;
  };
  const models::Trace trace = [&](std::string_view step, const Tensor&) {
    add(part_of(std::string(step)));
  };
  Watch watch;
  encode.encode(volume, {engine, work, watch, trace});
  add("quantiser");
  return parts;
}

/// The blocks of the slice classifier one by one, as its checkpoint lists them.
class SliceBlocks {
 public:
  SliceBlocks(const Weights& weights, const nn::Engine& engine)
      : weights_(weights),
        engine_(engine),
        channels_(models::dimension(weights, "input_blocks.0.0.weight", 0, 4)),
        time_(Tensor::zeros({models::dimension(weights, "time_embed.2.weight", 0, 2)})) {}

  void residual(const std::string& scope, bool down) {
    const models::ResidualBlock block(weights_.scope(scope), channels_, time_.size(),
                                      {side_, side_}, {down, false}, engine_);
    models::Image x = models::Image::borrow(work_, {side_, side_}, channels_);
    std::fill_n(x.data(), x.count(), 0.5F);
    measure(fmt::format("{}: residual {} -> {}, {}x{}{}", scope, channels_, block.out(), side_,
                        side_, down ? ", pooled" : ""),
            static_cast<double>(block.flops()) / 1e9, [&] { block(x, time_, pass()); });
    channels_ = block.out();
    if (down) side_ /= 2;
  }

  void attention(const std::string& scope, int64_t head_size) {
    if (!weights_.contains(scope + ".norm.weight")) return;
    const models::AttentionBlock block(weights_.scope(scope), channels_, head_size, {side_, side_},
                                       engine_, false);
    models::Image x = models::Image::borrow(work_, {side_, side_}, channels_);
    std::fill_n(x.data(), x.count(), 0.5F);
    const auto places = static_cast<double>(side_ * side_);
    const auto width = static_cast<double>(channels_);
    measure(fmt::format("{}: attention {}, {}x{}", scope, channels_, side_, side_),
            2e-9 * places * width * (4 * width + 2 * places), [&] { block(x, pass()); });
  }

  const std::vector<Part>& parts() const { return parts_; }

 private:
  models::Pass pass() { return {engine_, work_, watch_, no_trace_}; }
  void measure(const std::string& name, double gflop, const std::function<void()>& call) {
    parts_.push_back({name, least_cpu_seconds(kBlockRounds, call), gflop});
  }

  Weights weights_;
  const nn::Engine& engine_;
  int64_t channels_, side_ = 256;
  Tensor time_;
  nn::Workspace work_;
  Watch watch_;
  models::Trace no_trace_;
  std::vector<Part> parts_;
};

}  // namespace

void print_encoder_parts(const NetworkBench& bench, ThreadPool& pool) {
  const nn::Engine engine(pool, bench.precision);
  const Bundle bundle = open_bundle(bench.models);
  const Weights weights(Checkpoint::open(bundle.files.at(Role::ctclip).path));
  const models::CtVit encode(weights.scope("visual_transformer"), bundle.geometry.vit, engine);
  const Tensor volume = read_npy(bench.volume).tensor();
  nn::Workspace work;
  std::vector<Part> best = encode_once(encode, volume, engine, work);
  for (int round = 1; round < kRounds; ++round) {
    const std::vector<Part> now = encode_once(encode, volume, engine, work);
    for (std::size_t i = 0; i < best.size(); ++i) {
      best[i].seconds = std::min(best[i].seconds, now[i].seconds);
    }
  }
  const auto gflop = encoder_gflop();
  for (Part& part : best) {
    const auto found = gflop.find(part.name);
    if (found != gflop.end()) part.gflop = found->second;
  }
  print_parts("CT-ViT, one volume", best, bench.precision);
}

void print_slice_parts(const NetworkBench& bench, ThreadPool& pool) {
  const nn::Engine engine(pool, bench.precision);
  const Bundle bundle = open_bundle(bench.models);
  SliceBlocks blocks(Weights(Checkpoint::open(bundle.files.at(Role::diffusion_classifier).path)),
                     engine);
  constexpr int kBlocks = 17;  // six levels of two blocks, five of them with a pooling one more
  for (int i = 1; i <= kBlocks; ++i) {
    const bool pools = i % 3 == 0;
    const std::string scope = fmt::format("input_blocks.{}", i);
    blocks.residual(scope + ".0", pools);
    if (!pools) blocks.attention(scope + ".1", bundle.anomaly.classifier_head_size);
  }
  blocks.residual("middle_block.0", false);
  blocks.attention("middle_block.1", bundle.anomaly.classifier_head_size);
  blocks.residual("middle_block.2", false);
  print_parts("Slice classifier, one slice", blocks.parts(), bench.precision);
}

}  // namespace ctclip::bench
