// Replays golden/lightgbm/pickles: what joblib.load(...).predict_proba answers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "base/error.h"
#include "fusion/lightgbm.h"
#include "fusion_golden.h"

namespace ctclip {
namespace {

using lightgbm::Model;
using testing::lightgbm_golden;
using testing::Rows;
using testing::same_number;

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// (n, 2) holds the probabilities of both classes, (n,) the answer itself.
double answer(const Rows& expected, std::size_t row) { return expected[row].back(); }

void replay(const std::string& name, const Model& model, const Rows& rows, const Rows& expected,
            bool infinity_is_missing) {
  ASSERT_EQ(rows.size(), expected.size()) << name;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> row(rows[i].begin(), rows[i].end());
    for (double& value : row) {
      if (infinity_is_missing && std::isinf(value)) value = NAN;
    }
    double found = NAN;
    model.probability(row, {&found, 1});
    // 1e-15: two implementations of exp.
    EXPECT_TRUE(same_number(found, answer(expected, i), 1e-15))
        << name << " row " << i << ": " << found << ", expected " << answer(expected, i);
  }
}

TEST(Pickle, ReplaysEveryGoldenPickle) {
  const auto manifest = testing::lightgbm_manifest();
  const auto& pickles = manifest.at("pickles");
  EXPECT_EQ(pickles.size(), 25U);
  for (const auto& [name, entry] : pickles.items()) {
    const Model model = Model::load(lightgbm_golden(name));
    const bool scaler = name.find("pipeline_scaler") != std::string::npos;
    replay(name, model, Rows(lightgbm_golden(entry.at("X"))),
           Rows(lightgbm_golden(entry.at("proba"))), scaler);
    if (entry.contains("proba_edge")) {
      replay(name, model, Rows(lightgbm_golden(entry.at("edge_X"))),
             Rows(lightgbm_golden(entry.at("proba_edge"))), false);
    }
  }
}

TEST(Pickle, HoldsTheSameModelAsTheText) {
  const Model text = Model::load(lightgbm_golden("lgbm_binary.txt"));
  const Model pickle = Model::load(lightgbm_golden("pickles/pipeline/lightgbm_model.pkl"));
  EXPECT_EQ(pickle.feature_names(), text.feature_names());
  EXPECT_EQ(pickle.trees(), text.trees());
  EXPECT_EQ(pickle.objective(), text.objective());
  const Rows rows(lightgbm_golden("X.npy")), expected(lightgbm_golden("pickles/contrib.npy"));
  std::vector<double> found(pickle.features() + 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    pickle.contributions(rows[i], found);
    EXPECT_TRUE(std::ranges::equal(found, expected[i])) << i;
  }
}

TEST(Pickle, BestIterationLimitsTheTrees) {
  const Model model = Model::load(lightgbm_golden("pickles/small/booster_best_iteration.pkl"));
  EXPECT_EQ(model.trees(), 10U);
  // The expected value of SHAP is that of the trees in use: contributions add up to the score.
  const Rows rows(lightgbm_golden("pickles/small/X.npy"));
  std::vector<double> shap(model.features() + 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double raw = 0;
    model.raw(rows[i], {&raw, 1});
    model.contributions(rows[i], shap);
    EXPECT_NEAR(std::accumulate(shap.begin(), shap.end(), 0.0), raw, 1e-14) << i;
  }
}

TEST(Pickle, AScalerPipelineHasItsOwnNames) {
  const Model model = Model::load(lightgbm_golden("pickles/small/pipeline_scaler.pkl"));
  EXPECT_EQ(model.feature_names(), read_lines(lightgbm_golden("pickles/small/feature_names.txt")));
}

// What code does that takes the model's names and fills "missing" columns with 0 is not the answer.
TEST(Pickle, ZeroedNamesWithSpacesAreAnotherAnswer) {
  const Model model = Model::load(lightgbm_golden("pickles/classifier/lightgbm_model.pkl"));
  const auto names = read_lines(lightgbm_golden("feature_names.txt"));
  const Rows rows(lightgbm_golden("X.npy"));
  const Rows zeroed(lightgbm_golden("pickles/proba_names_with_spaces_zeroed.npy"));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> row(rows[i].begin(), rows[i].end());
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (names[k].find(' ') != std::string::npos) row[k] = 0;
    }
    double found = NAN;
    model.probability(row, {&found, 1});
    EXPECT_TRUE(same_number(found, answer(zeroed, i), 1e-15)) << i;
  }
}

TEST(Pickle, TinyBundleAnswersAsTheLibraryDid) {
  const auto folder = std::filesystem::path(CTCLIP_TESTS_DIR) / "data";
  const Model model = Model::load(folder / "tiny/lightgbm_model.pkl");
  const Rows rows(folder / "fusion/rows.npy"), probability(folder / "fusion/probability.npy");
  const Rows contributions(folder / "fusion/contributions.npy");
  EXPECT_EQ(model.features(), 73U);
  replay("tiny", model, rows, probability, false);
  std::vector<double> found(model.features() + 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    model.contributions(rows[i], found);
    EXPECT_TRUE(std::ranges::equal(found, contributions[i])) << i;
  }
}

TEST(Load, RefusesWhatIsNoModel) {
  const testing::TempDir folder;
  for (const char* content : {"", "tree", "not a model", "{\"name\": \"tree\"}", "PK\x03\x04"}) {
    std::ofstream(folder.path() / "model") << content;
    try {
      Model::load(folder.path() / "model");
      ADD_FAILURE() << "taken for a model: " << content;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model) << error.what();
      EXPECT_THAT(error.what(), ::testing::HasSubstr((folder.path() / "model").string()));
    }
  }
  EXPECT_THROW(Model::load(folder.path() / "absent"), Error);
  EXPECT_THROW(Model::load(folder.path()), Error);
}

}  // namespace
}  // namespace ctclip
