#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/layouts.h"
#include "checkpoint/random_bundle.h"
#include "checkpoint/writer.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::golden;
using testing::TempDir;

nlohmann::json as_json(const std::vector<TensorSpec>& layout) {
  nlohmann::json list = nlohmann::json::array();
  for (const TensorSpec& spec : layout) {
    list.push_back({spec.name, nlohmann::json(spec.shape), spec.dtype});
  }
  return list;
}

nlohmann::json read_json(const std::string& name) {
  std::ifstream in(golden(name));
  return nlohmann::json::parse(in);
}

CtClipShape tiny() {
  CtClipShape shape;
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

TEST(Layouts, AreThoseOfTheRealModels) {
  EXPECT_EQ(as_json(ct_clip_layout({})), read_json("real_size_layouts/ctclip_real.json"));
  EXPECT_EQ(as_json(supervised_layout({}, 15)),
            read_json("real_size_layouts/supervised_real.json"));
}

TEST(Layouts, FollowTheHyperParameters) {
  EXPECT_EQ(as_json(ct_clip_layout(tiny())), read_json("ctclip_tiny/state_dict_keys.json"));
}

/// Value i of a tensor is i.
void count_up(const TensorSpec& spec, std::span<std::byte> bytes) {
  for (int64_t i = 0; i < element_count(spec.shape); ++i) {
    const auto value = static_cast<float>(i);
    if (spec.dtype == "int64") {
      std::memcpy(bytes.data() + 8 * i, &i, 8);
    } else {
      std::memcpy(bytes.data() + 4 * i, &value, 4);
    }
  }
}

const std::vector<TensorSpec> tensors = {{"scalar", {}, "float32"},
                                         {"empty", {4, 0, 16}, "float32"},
                                         {"ids", {1, 5}, "int64"},
                                         {"b.weight", {3, 100}, "float32"},
                                         {"a.weight", {2, 2, 2}, "float32"}};

TEST(Writer, WhatIsWrittenIsReadBack) {
  const TempDir folder;
  for (const std::vector<std::string>& targets :
       {std::vector<std::string>{}, std::vector<std::string>{"cancer", "лёгкие"}}) {
    const auto path = folder.path() / "model.pt";
    write_checkpoint(path, tensors, targets, count_up);
    const auto checkpoint = Checkpoint::open(path);
    ASSERT_EQ(checkpoint->names().size(), tensors.size());
    EXPECT_EQ(checkpoint->strings("target_pathologies"), targets);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const TensorSpec& spec = tensors[i];
      EXPECT_EQ(checkpoint->names()[i], spec.name);
      EXPECT_EQ(checkpoint->entry(spec.name).dtype, spec.dtype);
      const Tensor tensor = checkpoint->read(spec.name);
      ASSERT_EQ(tensor.shape(), spec.shape);
      for (int64_t k = 0; k < tensor.size(); ++k) EXPECT_EQ(tensor.data()[k], k);
    }
  }
}

TEST(Writer, NothingIsLeftWhereItFails) {
  const TempDir folder;
  const auto path = folder.path() / "model.pt";
  const auto fail = [](const TensorSpec&, std::span<std::byte>) {
    throw Error(Code::internal, "no more");
  };
  EXPECT_THROW(write_checkpoint(path, tensors, {}, fail), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW(write_checkpoint(folder.path() / "no" / "folder.pt", tensors, {}, count_up), Error);
}

double deviation(const Tensor& tensor, double mean) {
  double sum = 0;
  for (const float value : tensor.values()) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(tensor.size()));
}

TEST(RandomBundle, HasTheScalesThatItPromises) {
  const TempDir folder;
  ThreadPool pool(2);
  write_random_bundle(folder.path() / "new", false, 7, pool);
  const auto clip = Checkpoint::open(folder.path() / "new" / kCtClipFile);
  EXPECT_EQ(clip->names().size(), ct_clip_layout(tiny()).size());
  // 64 x 4000 values: the deviation of an estimated deviation is 1 / sqrt(2 n) = 0.14 %.
  const Tensor linear = clip->read("visual_transformer.to_patch_emb.2.weight");
  EXPECT_NEAR(deviation(linear, 0) * std::sqrt(4000.0), 1, 0.01);
  const Tensor norm = clip->read("visual_transformer.to_patch_emb.1.weight");
  EXPECT_NEAR(deviation(norm, 1), 0.05, 0.005);
  const Tensor codes = clip->read("visual_transformer.vq._codebook.embed");
  for (int64_t row = 0; row < 128; ++row) {
    double square = 0;
    for (int64_t i = 0; i < 64; ++i) square += std::pow(codes.data()[row * 64 + i], 2);
    EXPECT_NEAR(square, 1, 1e-5);
  }
  const Tensor ids = clip->read("text_transformer.embeddings.position_ids");
  for (int64_t i = 0; i < 512; ++i) EXPECT_EQ(ids.data()[i], i);
  const auto supervised = Checkpoint::open(folder.path() / "new" / kSupervisedFile);
  EXPECT_EQ(supervised->strings("target_pathologies"), default_target_pathologies());
  EXPECT_EQ(supervised->entry("classifier.1.weight").shape, (Shape{15, 512}));
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(RandomBundle, DependsOnTheSeedAlone) {
  const TempDir folder;
  ThreadPool one(1);
  ThreadPool three(3);
  write_random_bundle(folder.path() / "a", false, 7, one);
  write_random_bundle(folder.path() / "b", false, 7, three);
  write_random_bundle(folder.path() / "c", false, 8, three);
  for (const char* file : {kCtClipFile, kSupervisedFile}) {
    EXPECT_EQ(read_text(folder.path() / "a" / file), read_text(folder.path() / "b" / file));
    EXPECT_NE(read_text(folder.path() / "a" / file), read_text(folder.path() / "c" / file));
  }
}

TEST(RandomBundle, VocabularyHasEveryCharacterAndNoPieceTwice) {
  const TempDir folder;
  ThreadPool pool(2);
  write_random_bundle(folder.path(), false, 7, pool);
  std::ifstream in(folder.path() / kVocabularyFile);
  std::set<std::string> pieces;
  int lines = 0;
  for (std::string piece; std::getline(in, piece); ++lines) pieces.insert(piece);
  EXPECT_EQ(lines, 300);
  EXPECT_EQ(pieces.size(), 300U);
  for (const std::string piece :
       {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##z", ".", "present", "(", "##-"}) {
    EXPECT_TRUE(pieces.contains(piece)) << piece;
  }
}

}  // namespace
}  // namespace ctclip
