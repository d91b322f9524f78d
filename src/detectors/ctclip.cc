#include "detectors/ctclip.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/sha256.h"
#include "nn/kernels.h"

namespace ctclip {
namespace {

constexpr int64_t kPromptsOfATask = 8;  // about a hundred tokens: enough rows for the products

std::vector<std::vector<int32_t>> tokenise(const Tokenizer& tokenizer,
                                           const std::vector<std::string>& pathologies) {
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string& pathology : pathologies) {
    prompts.push_back(tokenizer(pathology + " is present."));
    prompts.push_back(tokenizer(pathology + " is not present."));
  }
  return prompts;
}

Tensor embed_prompts(const Weights& weights, const Tokenizer& tokenizer,
                     const CtClip::Options& options, const nn::Engine& engine) {
  const models::Bert bert(weights.scope("text_transformer"), options.text_heads, engine);
  const Tensor projection = weights.take("to_text_latent.weight", {-1, bert.hidden_size()});
  if (static_cast<int64_t>(tokenizer.size()) > bert.vocabulary()) {
    throw Error(
        Code::bad_model,
        fmt::format("{}: its text encoder knows {} tokens, the vocabulary has {}",
                    weights.checkpoint().path().string(), bert.vocabulary(), tokenizer.size()));
  }
  return text_latents(bert, projection, tokenizer, options.pathologies, engine.pool());
}

// All that the text latents depend on besides the weights.
std::string fingerprint(const Tokenizer& tokenizer, const CtClip::Options& options) {
  Sha256 hash;
  for (const auto& prompt : tokenise(tokenizer, options.pathologies)) {
    hash.add(fmt::format("{}\n", fmt::join(prompt, " ")));
  }
  hash.add(fmt::format("{} heads, {} words", options.text_heads, tokenizer.size()));
  return hash.hex();
}

Tensor kept_prompts(const Weights& weights, const Tokenizer& tokenizer,
                    const CtClip::Options& options, const nn::Engine& engine) {
  const auto prompts = static_cast<int64_t>(2 * options.pathologies.size());
  return weights
      .derived("text_latents " + fingerprint(tokenizer, options),
               {prompts, weights.shape("to_text_latent.weight").at(0)},
               [&] { return embed_prompts(weights, tokenizer, options, engine); })
      .kept()
      .clone();
}

}  // namespace

Tensor text_latents(const models::Bert& bert, const Tensor& projection, const Tokenizer& tokenizer,
                    const std::vector<std::string>& pathologies, ThreadPool& pool) {
  const std::vector<std::vector<int32_t>> prompts = tokenise(tokenizer, pathologies);
  const int64_t latent = projection.dim(0);
  const int64_t hidden = bert.hidden_size();
  Tensor out = Tensor::uninitialised({static_cast<int64_t>(prompts.size()), latent});
  pool.run_blocks(out.dim(0), kPromptsOfATask, [&](int64_t begin, int64_t end) {
    const std::span group(prompts.begin() + begin, prompts.begin() + end);
    const Tensor states = bert(group);
    const float* cls = states.data();  // the first token of each sequence
    for (int64_t prompt = begin; prompt < end; ++prompt) {
      Tensor row = Tensor::uninitialised({latent});
      for (int64_t i = 0; i < latent; ++i) {
        row.data()[i] = static_cast<float>(nn::dot(projection.data() + i * hidden, cls, hidden));
      }
      models::make_unit(row);
      std::copy_n(row.data(), latent, out.data() + prompt * latent);
      cls += static_cast<int64_t>(prompts[static_cast<std::size_t>(prompt)].size()) * hidden;
    }
  });
  return out;
}

CtClip::CtClip(const Weights& weights, const Tokenizer& tokenizer, const Options& options,
               const nn::Engine& engine)
    : engine_(engine),
      pathologies_(options.pathologies),
      encode_(weights, options.geometry, engine),
      text_(kept_prompts(weights, tokenizer, options, engine.in_f32())),
      scale_(std::exp(weights.take("temperature", {}).data()[0])) {
  if (text_.dim(1) != encode_.latent_size()) {
    throw Error(Code::bad_model, fmt::format("{}: text latents have {} values, image latents {}",
                                             weights.checkpoint().path().string(), text_.dim(1),
                                             encode_.latent_size()));
  }
  require_all_taken(weights, has_no_effect);
}

Tensor CtClip::logits(const Tensor& image_latent) const {
  Tensor out = Tensor::uninitialised({static_cast<int64_t>(pathologies_.size()), 2});
  for (int64_t row = 0; row < out.size(); ++row) {
    const float* text = text_.data() + row * text_.dim(1);
    out.data()[row] = scale_ * static_cast<float>(nn::dot(text, image_latent.data(), text_.dim(1)));
  }
  return out;
}

void CtClip::run(const DetectorInput& input, Scores& scores, Watch& watch) const {
  const Tensor latent = encode_(input.prepared, {engine_, input.work, watch, {}});
  const Tensor pairs = logits(latent);
  std::vector<PathologyScore> found;
  for (std::size_t i = 0; i < pathologies_.size(); ++i) {
    const double present = pairs.data()[2 * i];
    const double absent = pairs.data()[2 * i + 1];
    found.push_back({pathologies_[i], 1 / (1 + std::exp(absent - present))});
  }
  scores.ctclip = std::move(found);
  scores.ctclip_latent.assign(latent.values().begin(), latent.values().end());
}

void CtClip::announce(Scores& scores) const {
  for (const std::string& pathology : pathologies_) scores.ctclip.push_back({pathology, 0});
}

bool has_no_effect(const std::string& name) {
  constexpr std::array kExact = {"text_transformer.embeddings.position_ids",
                                 "text_transformer.pooler.dense.weight",
                                 "text_transformer.pooler.dense.bias",
                                 "to_text_latent_extra.weight",
                                 "to_visual_latent_extra.weight",
                                 "visual_transformer.spatial_rel_pos_bias.rel_pos",
                                 "visual_transformer.vq._codebook.initted",
                                 "visual_transformer.vq._codebook.cluster_size"};
  constexpr std::array kPrefixes = {"visual_transformer.to_patch_emb_first_frame.",
                                    "visual_transformer.to_pixels.",
                                    "visual_transformer.to_pixels_first_frame."};
  constexpr std::array kSuffixes = {".null_kv", ".context_norm.gamma", ".context_norm.beta"};
  return std::ranges::find(kExact, name) != kExact.end() ||
         std::ranges::any_of(kPrefixes,
                             [&](std::string_view part) { return name.starts_with(part); }) ||
         std::ranges::any_of(kSuffixes,
                             [&](std::string_view part) { return name.ends_with(part); });
}

void require_all_taken(const Weights& weights,
                       const std::function<bool(const std::string&)>& allowed) {
  std::vector<std::string> unknown;
  for (const std::string& name : weights.untaken()) {
    if (!allowed(name)) unknown.push_back(name);
  }
  if (unknown.empty()) return;
  const std::size_t shown = std::min<std::size_t>(unknown.size(), 5);
  throw Error(Code::bad_model,
              fmt::format("{}: expected only tensors of this network, found {} unknown: {}{}",
                          weights.checkpoint().path().string(), unknown.size(),
                          fmt::join(unknown.begin(),
                                    unknown.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                          shown < unknown.size() ? ", ..." : ""));
}

}  // namespace ctclip
