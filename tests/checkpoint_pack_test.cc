#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/blocked_layout.h"
#include "base/error.h"
#include "checkpoint/pack_writer.h"
#include "checkpoint/packed.h"
#include "checkpoint/writer.h"
#include "models/layers.h"
#include "models/unet_layers.h"
#include "nn/precision.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(BlockedLayout, ReadsBlocksOfAHandMadeArray) {
  // 3 x 4 in blocks of 2 rows and 2 columns, padded to 4 rows: outer blocks row by row.
  const BlockedLayout layout{false, {3, 4}, {8, 4}, {{0, 2}, {1, 2}}};
  const std::vector<float> stored = {0, 1, 10, 11, 2, 3, 12, 13, 20, 21, -1, -1, 22, 23, -1, -1};
  const auto found = layout.unpack(reinterpret_cast<const std::byte*>(stored.data()), 64);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->shape(), (Shape{3, 4}));
  EXPECT_THAT(found->values(), ElementsAre(0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23));
  EXPECT_FALSE(layout.unpack(reinterpret_cast<const std::byte*>(stored.data()), 52));
}

TEST(BlockedLayout, IsItsText) {
  const BlockedLayout layout{true, {1024, 512}, {64, 32768}, {{1, 32}, {0, 2}}};
  EXPECT_EQ(layout.text(), "packed bf16 1024,512 64,32768 32@1,2@0");
  const auto again = BlockedLayout::parse(layout.text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text(), layout.text());
  EXPECT_TRUE(BlockedLayout::parse("packed f32 3 1 "));
  for (const char* wrong :
       {"", "values", "packed f64 3 1 ", "packed f32 3 1,1 ", "packed f32 -3 1 ", "packed f32 3 x ",
        "packed f32 3 1 2@1", "packed f32 3 1 0@0", "packed f32 1,1,1,1,1,1 1,1,1,1,1,1 ",
        "packed f32 3 1 2"}) {
    EXPECT_FALSE(BlockedLayout::parse(wrong)) << wrong;
  }
}

TEST(BlockedLayout, NeverReadsBeyondItsBytes) {
  const std::vector<std::byte> bytes(64);
  for (const char* lie : {"packed f32 4,4 1000,1 ", "packed f32 4,5 5,1 ",
                          "packed f32 1099511627776,1099511627776 1,1 ",
                          "packed f32 4,4 1099511627776,1099511627776 ",
                          "packed f32 4,4 4,1 1099511627776@0,1099511627776@1,7@0"}) {
    const auto layout = BlockedLayout::parse(lie);
    ASSERT_TRUE(layout) << lie;
    const auto found = layout->unpack(bytes.data(), bytes.size());
    if (found) {
      EXPECT_LE(found->size(), 16) << lie;
    }
  }
}

/// A network of a few layers that pack their weights in every way there is.
struct Network {
  Network(const Weights& weights, const nn::Engine& engine)
      : linear(models::take_linear(weights.scope("linear"), 96, 80, true, engine)),
        winograd(models::take_convolution(weights.scope("wide"), 16, 16, {8, 8}, engine, true)),
        direct(models::take_convolution(weights.scope("narrow"), 1, 16, {8, 8}, engine, true)),
        scale(weights.take("scale", {})),
        table(weights.derived("squares of 7", {7}, squares(weights)).kept()) {}

  static std::function<SharedTensor()> squares(const Weights& weights) {
    return [weights]() -> SharedTensor {
      Tensor x = weights.take("line", {7});
      for (float& value : x.values()) value *= value;
      return x;
    };
  }

  std::vector<float> answer() const {
    nn::Workspace work;
    Tensor x = Tensor::uninitialised({64 * 96});
    for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i % 31) / 16 - 1;
    std::vector<float> all(10 * 80 + 4 * 64 * 16);
    linear(x.data(), 10, all.data());
    float* next = all.data() + 800;
    winograd.forward(x.data(), next, work);
    (*winograd.backward)(x.data(), next + 1024, work);
    direct.forward(x.data(), next + 2048, work);
    (*direct.backward)(x.data(), next + 3072, work);
    all.insert(all.end(), table.values().begin(), table.values().end());
    all.push_back(scale.data()[0]);
    return all;
  }

  nn::Linear linear;
  models::WithBackward<nn::Convolution> winograd, direct;
  Tensor scale;
  SharedTensor table;
};

class Pack : public ::testing::Test {
 protected:
  Pack() {
    const std::vector<TensorSpec> tensors = {{"linear.weight", {80, 96}, "float32"},
                                             {"linear.bias", {80}, "float32"},
                                             {"wide.weight", {16, 16, 3, 3}, "float32"},
                                             {"wide.bias", {16}, "float32"},
                                             {"narrow.weight", {16, 1, 3, 3}, "float32"},
                                             {"narrow.bias", {16}, "float32"},
                                             {"scale", {}, "float32"},
                                             {"line", {7}, "float32"}};
    std::mt19937 random(1);
    write_checkpoint(source_, tensors, {"cancer", "covid"},
                     [&](const TensorSpec&, std::span<std::byte> out) {
                       std::normal_distribution<float> normal;
                       for (std::size_t i = 0; i < out.size(); i += sizeof(float)) {
                         const float value = normal(random);
                         std::memcpy(out.data() + i, &value, sizeof value);
                       }
                     });
  }

  void pack(const std::vector<nn::Precision>& precisions) {
    const auto recorder = std::make_shared<PackRecorder>(
        Checkpoint::open(source_), pack_, PackFacts{std::string(64, 'a'), "a test", "0"});
    for (const auto precision : precisions) {
      const Network network(Weights(recorder), nn::Engine(pool_, precision));
    }
    recorder->finish();
  }
  std::vector<float> answer(const std::filesystem::path& file, nn::Precision precision) {
    const Weights weights(Checkpoint::open(file));
    return Network(weights, nn::Engine(pool_, precision)).answer();
  }
  std::string refusal(const std::string& bytes) {
    const auto damaged = folder_.path() / "damaged.pack";
    std::ofstream(damaged, std::ios::binary) << bytes;
    try {
      answer(damaged, nn::Precision::f32);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model);
      EXPECT_THAT(error.what(), HasSubstr("damaged.pack"));
      return error.what();
    }
    return "was read";
  }
  std::string bytes() const {
    std::ifstream stream(pack_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  testing::TempDir folder_;
  std::filesystem::path source_ = folder_.path() / "model.pt", pack_ = folder_.path() / "a.pack";
  ThreadPool pool_{1};
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_EQ(from.size(), to.size());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

TEST_F(Pack, AnswersTheSameBitsInEveryPrecision) {
  std::vector<nn::Precision> precisions = {nn::Precision::f32};
  if (nn::multiplies_bf16()) precisions.push_back(nn::Precision::bf16);
  pack(precisions);
  for (const auto precision : precisions) {
    EXPECT_EQ(answer(pack_, precision), answer(source_, precision));
  }
  const auto packed = Checkpoint::open(pack_);
  EXPECT_THAT(packed->strings("target_pathologies"), ElementsAre("cancer", "covid"));
  EXPECT_EQ(pack_facts(pack_)->made_for, "a test");
  EXPECT_FALSE(pack_facts(source_));
}

TEST_F(Pack, KeepsNoValuesOfWhatIsPacked) {
  pack({nn::Precision::f32});
  const auto packed = Checkpoint::open(pack_);
  EXPECT_THAT(packed->names(),
              ::testing::UnorderedElementsAre("linear.bias", "wide.bias", "narrow.bias", "scale"));
  EXPECT_EQ(packed->entry("linear.weight").shape, (Shape{80, 96}));
  try {
    packed->read("linear.weight");
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("pack the models again"));
  }
}

TEST_F(Pack, GivesAnotherLayoutTheExactValues) {
  pack({nn::Precision::f32});
  const auto source = Checkpoint::open(source_);
  const auto packed = Checkpoint::open(pack_);
  for (const char* name : {"linear.weight", "narrow.weight"}) {
    const auto found = packed->forms()->recover(name);
    ASSERT_TRUE(found) << name;
    const Tensor expected = source->read(name);
    EXPECT_EQ(std::memcmp(found->data(), expected.data(),
                          static_cast<std::size_t>(expected.size()) * sizeof(float)),
              0)
        << name;
  }
  const LazyTensor weight = Weights(packed).lazy("linear.weight", {80, 96});
  const SharedBytes made = weight.form(
      "of another machine", 4, [&](std::byte* to) { std::memcpy(to, weight.values().data(), 4); });
  float first = 0;
  std::memcpy(&first, made.data.get(), sizeof(first));
  EXPECT_EQ(first, *source->read("linear.weight").data());
}

TEST_F(Pack, RefusesAFileThatIsCut) {
  pack({nn::Precision::f32});
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); size += 4099) {
    EXPECT_THAT(refusal(whole.substr(0, size)), HasSubstr("damaged.pack")) << size;
  }
  EXPECT_THAT(refusal(whole.substr(0, whole.size() - 1)), HasSubstr("cut"));
  EXPECT_THAT(refusal(whole + "x"), HasSubstr("behind its last tensor"));
}

TEST_F(Pack, RefusesAHeaderThatLies) {
  pack({nn::Precision::f32});
  const std::string whole = bytes();
  EXPECT_THAT(refusal(replaced(whole, "format 1", "format 2")), HasSubstr("expected 1"));
  EXPECT_THAT(refusal(replaced(whole, std::string(64, 'a'), std::string(64, 'x'))),
              HasSubstr("SHA-256"));
  EXPECT_THAT(refusal(replaced(whole, "float32 80,96 linear", "float32 80,95 linear")),
              HasSubstr("expected"));
  EXPECT_THAT(refusal(replaced(whole, "float32 80,96 linear", "float32 80,-6 linear")),
              HasSubstr("wrongly"));
  EXPECT_THAT(refusal(replaced(whole, "float32 80,96 linear", "float32 80 96 linear")),
              HasSubstr("linear.weight"));
  // The weight under another layout: it is still read, and never beyond its bytes.
  const std::string form = "linear.weight#packed f32 80,96 ";
  const std::string lie = replaced(whole, form, "linear.weight#packed f32 80,99 ");
  EXPECT_THAT(refusal(lie), HasSubstr("linear.weight"));
}

}  // namespace
}  // namespace ctclip
