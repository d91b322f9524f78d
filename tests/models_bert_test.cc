#include "models/bert.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "detectors/ctclip.h"
#include "detectors/tokenizer.h"
#include "golden.h"

namespace ctclip {
namespace {

using testing::all_close;
using testing::Bench;
using testing::golden;
using testing::golden_weights;

nlohmann::json read_json(const std::string& file) {
  std::ifstream stream(golden(file));
  EXPECT_TRUE(stream) << file;
  return nlohmann::json::parse(stream);
}

// Post-norm BERT keeps its states at unit variance; 2 layers of sums over 48 and 96 terms. The
// reference differs from its own padded run by 2.4e-6 (facts.json), which bounds what float32
// leaves open.
constexpr double kStates = 5e-6;
constexpr double kLatents = 2e-6;

TEST(Bert, ReplaysTheHiddenStates) {
  Bench bench;
  const models::Bert bert(golden_weights("ctclip_tiny/ctclip_tiny.pt").scope("text_transformer"), 4,
                          bench.engine);
  const auto prompts = read_json("ctclip_tiny/prompts.json");
  const auto ids = prompts.at(0).at("token_ids").get<std::vector<std::vector<int32_t>>>();
  const Tensor states = bert(ids);
  const NpyArray expected =
      read_npy(golden("ctclip_tiny/text_hidden_pathology0.npy"));  // (2, 16, 48), padded
  std::size_t from = 0;
  for (std::size_t row = 0; row < 2; ++row) {
    const std::size_t count = ids[row].size() * 48;
    EXPECT_TRUE(all_close(states.values().subspan(from, count),
                          std::span(expected.values).subspan(row * 16 * 48, count), kStates));
    from += count;
  }
}

TEST(Bert, GivesEverySequenceWhatItGivesItAlone) {
  Bench bench;
  const models::Bert bert(golden_weights("ctclip_tiny/ctclip_tiny.pt").scope("text_transformer"), 4,
                          bench.engine);
  const std::vector<std::vector<int32_t>> both = {{2, 109, 110, 3}, {2, 168, 170, 169, 18, 3}};
  const Tensor together = bert(both);
  const Tensor second = bert(std::span(both).subspan(1));
  const std::vector<double> alone(second.values().begin(), second.values().end());
  EXPECT_TRUE(all_close(together.values().subspan(4 * 48), alone, kStates));
}

TEST(Bert, RefusesTokensAndLengthsThatItHasNoRowsFor) {
  Bench bench;
  const models::Bert bert(golden_weights("ctclip_tiny/ctclip_tiny.pt").scope("text_transformer"), 4,
                          bench.engine);
  EXPECT_THROW(bert(std::vector<std::vector<int32_t>>{{2, 300, 3}}), Error);
  EXPECT_THROW(bert(std::vector<std::vector<int32_t>>{std::vector<int32_t>(513, 5)}), Error);
  EXPECT_THROW(models::Bert(golden_weights("ctclip_tiny/ctclip_tiny.pt").scope("text_transformer"),
                            5, bench.engine),
               Error);
}

TEST(TextLatents, ReplayAllPrompts) {
  Bench bench;
  const Weights weights = golden_weights("ctclip_tiny/ctclip_tiny.pt");
  const models::Bert bert(weights.scope("text_transformer"), 4, bench.engine);
  const Tokenizer tokenizer(golden("ctclip_tiny/vocab.txt"));
  const Tensor latents = text_latents(bert, weights.take("to_text_latent.weight", {-1, 48}),
                                      tokenizer, reference_pathologies(), bench.pool);
  EXPECT_TRUE(all_close(latents, read_npy(golden("ctclip_tiny/text_latents.npy")), kLatents));
}

TEST(TextLatents, ReplayTheClassTokensAndRawLatents) {
  Bench bench;
  const Weights weights = golden_weights("ctclip_tiny/ctclip_tiny.pt");
  const models::Bert bert(weights.scope("text_transformer"), 4, bench.engine);
  const Tensor projection = weights.take("to_text_latent.weight", {32, 48});
  const NpyArray cls = read_npy(golden("ctclip_tiny/text_cls.npy"));
  const NpyArray raw = read_npy(golden("ctclip_tiny/text_latents_raw.npy"));
  const auto prompts = read_json("ctclip_tiny/prompts.json");
  std::size_t row = 0;
  for (const auto& pathology : prompts) {
    for (const auto& ids : pathology.at("token_ids")) {
      const Tensor states =
          bert(std::vector<std::vector<int32_t>>{ids.get<std::vector<int32_t>>()});
      ASSERT_TRUE(all_close(states.values().first(48), std::span(cls.values).subspan(row * 48, 48),
                            kStates))
          << row;
      std::vector<float> latent(32);
      for (std::size_t i = 0; i < 32; ++i) {
        for (std::size_t k = 0; k < 48; ++k)
          latent[i] += projection.data()[i * 48 + k] * states.data()[k];
      }
      ASSERT_TRUE(all_close(latent, std::span(raw.values).subspan(row * 32, 32), kStates)) << row;
      ++row;
    }
  }
  EXPECT_EQ(row, 104U);
}

TEST(Tokenizer, ReplaysThePromptsOfTheReference) {
  const Tokenizer tokenizer(golden("ctclip_tiny/vocab.txt"));
  const auto prompts = read_json("ctclip_tiny/prompts.json");
  const NpyArray padded = read_npy(golden("ctclip_tiny/prompt_token_ids.npy"));  // (52, 2, 512)
  ASSERT_EQ(prompts.size(), reference_pathologies().size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(prompts[i].at("pathology"), reference_pathologies()[i]);
    for (std::size_t row = 0; row < 2; ++row) {
      const auto ids = tokenizer(prompts[i].at("prompts").at(row).get<std::string>());
      EXPECT_EQ(ids, prompts[i].at("token_ids").at(row).get<std::vector<int32_t>>());
      for (std::size_t k = 0; k < 512; ++k) {
        ASSERT_EQ(padded.values[(i * 2 + row) * 512 + k], k < ids.size() ? ids[k] : 0);
      }
    }
  }
}

TEST(Tokenizer, ReplaysTheCornerCases) {
  const Tokenizer tokenizer(golden("ctclip_tiny/vocab.txt"));
  for (const auto& one : read_json("ctclip_tiny/tokenizer_cases.json")) {
    EXPECT_EQ(tokenizer(one.at("text").get<std::string>()),
              one.at("ids").get<std::vector<int32_t>>())
        << one.dump();
  }
}

TEST(Tokenizer, DropsBytesThatAreNoUtf8) {
  const Tokenizer tokenizer(golden("ctclip_tiny/vocab.txt"));
  EXPECT_EQ(tokenizer("nod\xff\xc0ule"), tokenizer("nodule"));
}

TEST(Tokenizer, RefusesAFileThatIsNoVocabulary) {
  EXPECT_THROW(Tokenizer(golden("ctclip_tiny/facts.json")), Error);
  EXPECT_THROW(Tokenizer(golden("ctclip_tiny/absent.txt")), Error);
}

}  // namespace
}  // namespace ctclip
