#include "checkpoint/random_bundle.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "checkpoint/diffusion_layouts.h"
#include "checkpoint/layouts.h"

namespace ctclip {
namespace {

constexpr int64_t kBlock = int64_t{1} << 16U;
constexpr double kNormDeviation = 0.05;
constexpr double kBiasDeviation = 0.02;
constexpr double kEmbeddingDeviation = 0.02;  // as BERT is initialised

/// Random numbers by their place, so that any thread can make any part of a tensor.
class Noise {
 public:
  Noise(uint64_t seed, std::string_view name) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    key_ = mix(hash ^ mix(seed));
  }

  /// Mean 0, deviation 1: the sum of four 16-bit uniform numbers, bell-shaped.
  float operator()(int64_t index) const {
    const uint64_t bits = mix(key_ + static_cast<uint64_t>(index) * 0x9e3779b97f4a7c15);
    const uint64_t sum =
        (bits & 0xffffU) + ((bits >> 16U) & 0xffffU) + ((bits >> 32U) & 0xffffU) + (bits >> 48U);
    constexpr double kMean = 2.0 * 65535;
    constexpr double kScale = 1.7320508 / 65536;  // the sum's deviation is 65536 / sqrt(3)
    return static_cast<float>((static_cast<double>(sum) - kMean) * kScale);
  }

 private:
  /// SplitMix64's finaliser.
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
    return z ^ (z >> 31U);
  }

  uint64_t key_;
};

/// Every value is mean + deviation * noise.
struct Distribution {
  double mean = 0;
  double deviation = 0;
};

Distribution distribution(const TensorSpec& spec) {
  const std::string_view name = spec.name;
  if (name.ends_with("temperature") || name.ends_with("initted") ||
      name.ends_with("cluster_size")) {
    return {1, 0};
  }
  if (name.ends_with(".beta")) return {0, 0};  // a buffer that training never changes
  if (name.ends_with(".bias")) return {0, kBiasDeviation};
  if (spec.shape.size() == 1) return {1, kNormDeviation};  // norms, q_scale, k_scale
  if (name.find("_embeddings.") != std::string_view::npos) return {0, kEmbeddingDeviation};
  const double inputs = static_cast<double>(element_count(spec.shape)) /
                        static_cast<double>(std::max<int64_t>(spec.shape.front(), 1));
  return {0, 1 / std::sqrt(std::max(inputs, 1.0))};
}

void scale_rows_to_unit(std::span<float> values, int64_t width, ThreadPool& pool) {
  pool.run(static_cast<int64_t>(values.size()) / width, [&](int64_t row) {
    const auto one =
        values.subspan(static_cast<std::size_t>(row * width), static_cast<std::size_t>(width));
    double square = 0;
    for (const float value : one) square += static_cast<double>(value) * value;
    const auto factor = static_cast<float>(1 / std::sqrt(square));
    for (float& value : one) value *= factor;
  });
}

void fill_tensor(const TensorSpec& spec, std::span<std::byte> bytes, uint64_t seed,
                 ThreadPool& pool) {
  if (spec.dtype == "int64") {  // position_ids
    for (int64_t i = 0; i < element_count(spec.shape); ++i) {
      std::memcpy(bytes.data() + i * int64_t{sizeof(i)}, &i, sizeof(i));
    }
    return;
  }
  const std::span<float> values(reinterpret_cast<float*>(bytes.data()),
                                bytes.size() / sizeof(float));
  const Noise noise(seed, spec.name);
  const Distribution shape = distribution(spec);
  const auto mean = static_cast<float>(shape.mean);
  const auto deviation = static_cast<float>(shape.deviation);
  pool.run_blocks(static_cast<int64_t>(values.size()), kBlock, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      values[static_cast<std::size_t>(i)] = mean + deviation * noise(i);
    }
  });
  if (spec.name.ends_with("_codebook.embed")) scale_rows_to_unit(values, spec.shape.back(), pool);
}

/// Special pieces, then every printable character, so that any prompt can be put together, then
/// words and syllables, the commoner letters first, so that prompts get as many pieces as with a
/// real vocabulary.
std::vector<std::string> vocabulary(std::size_t size) {
  constexpr std::string_view kByFrequency = "etaoinsrhldcumfpgwybvkxjqz";
  std::vector<std::string> pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  const auto add = [&](const std::string& piece) {
    pieces.push_back(piece);
    pieces.push_back("##" + piece);
  };
  for (char c = '!'; c <= '~'; ++c) {
    if (c < 'A' || c > 'Z') add({c});
  }
  for (const char* word : {"is", "not", "present"}) pieces.emplace_back(word);
  for (const char a : kByFrequency) {
    for (const char b : kByFrequency) {
      if (std::string{a, b} == "is") continue;
      add({a, b});
    }
  }
  for (const char a : kByFrequency) {
    for (const char b : kByFrequency) {
      for (const char c : kByFrequency) {
        if (std::string{a, b, c} != "not" && pieces.size() < size) add({a, b, c});
      }
    }
  }
  pieces.resize(size);
  return pieces;
}

void write_vocabulary(const std::filesystem::path& path, std::size_t size) {
  std::ofstream out(path, std::ios::binary);
  for (const std::string& piece : vocabulary(size)) out << piece << '\n';
  out.close();
  if (!out) throw Error(Code::internal, path.string() + ": cannot be written");
}

}  // namespace

CtClipShape random_bundle_shape(bool full_size) {
  CtClipShape shape;
  if (full_size) return shape;
  shape.dim = 64;
  shape.depth = 2;
  shape.heads = 4;
  shape.dim_head = 16;
  shape.codes = 128;
  shape.image = 80;
  shape.latent = 32;
  shape.vocabulary = 300;
  shape.text_dim = 48;
  shape.text_layers = 2;
  shape.text_inner = 96;
  return shape;
}

void write_random_bundle(const std::filesystem::path& folder, bool full_size, uint64_t seed,
                         ThreadPool& pool) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw Error(Code::internal, folder.string() + ": " + failure.message());
  const CtClipShape shape = random_bundle_shape(full_size);
  const auto fill = [&](const TensorSpec& spec, std::span<std::byte> bytes) {
    fill_tensor(spec, bytes, seed, pool);
  };
  write_checkpoint(folder / kCtClipFile, ct_clip_layout(shape), {}, fill);
  const std::vector<std::string> targets = default_target_pathologies();
  write_checkpoint(folder / kSupervisedFile,
                   supervised_layout(shape, static_cast<int64_t>(targets.size())), targets, fill);
  write_checkpoint(folder / kSliceClassifierFile,
                   slice_classifier_layout(slice_classifier_shape(full_size)), {}, fill);
  write_checkpoint(folder / kDenoiserFile, diffusion_unet_layout(diffusion_unet_shape(full_size)),
                   {}, fill);
  write_vocabulary(folder / kVocabularyFile, static_cast<std::size_t>(shape.vocabulary));
}

}  // namespace ctclip
