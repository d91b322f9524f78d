// TreeSHAP against the library's predict_contrib (golden/lightgbm) and against its own definition.

#include <gtest/gtest.h>

#include <cmath>
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

Model parse_golden(const std::string& relative) {
  return Model::parse(testing::read_text(lightgbm_golden(relative)), relative);
}

std::vector<double> contributions(const Model& model, std::span<const double> row) {
  std::vector<double> out(model.outputs() * (model.features() + 1));
  model.contributions(row, out);
  return out;
}

double sum(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

void replay(const std::string& name, const Model& model, const nlohmann::json& set) {
  const Rows rows(lightgbm_golden(set.at("X"))), expected(lightgbm_golden(set.at("contrib")));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto found = contributions(model, rows[i]);
    ASSERT_EQ(found.size(), expected.width()) << name;
    for (std::size_t k = 0; k < found.size(); ++k) {
      // The order of operations is the library's: not a bit is different.
      EXPECT_TRUE(same_number(found[k], expected[i][k], 0))
          << name << " row " << i << " column " << k << ": " << found[k] << ", expected "
          << expected[i][k];
    }
  }
}

TEST(Shap, ReplaysEveryGoldenModel) {
  const auto manifest = testing::lightgbm_manifest();
  int replayed = 0;
  for (const auto& [name, entry] : manifest.at("text_models").items()) {
    const Model model = parse_golden(entry.at("model"));
    for (const auto& set : entry.at("sets")) {
      if (set.contains("contrib")) {
        EXPECT_EQ(model.no_contributions(), "") << name;
        replay(name, model, set);
        ++replayed;
      } else {
        EXPECT_FALSE(model.no_contributions().empty()) << name;
        const std::vector<double> row(model.features());
        EXPECT_THROW(contributions(model, row), Error) << name;
      }
    }
  }
  EXPECT_EQ(replayed, 32);
}

TEST(Shap, AddsUpToTheRawScore) {
  const Model model = parse_golden("lgbm_binary.txt");
  const Rows rows(lightgbm_golden("X.npy"));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double raw = 0;
    model.raw(rows[i], {&raw, 1});
    // README of the golden data: 2e-14 for the library itself.
    EXPECT_NEAR(sum(contributions(model, rows[i])), raw, 4e-14);
  }
}

// (a <= 0 ? (b <= 0 ? 1 : 3) : 9) over 2, 2 and 4 training rows.
constexpr const char* kTwoSplits =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
    "feature_names=a b\n\nTree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 1\nthreshold=0 0\n"
    "left_child=1 -1\nright_child=-2 -3\nleaf_value=1 9 3\nleaf_count=2 4 2\n"
    "internal_count=8 4\n\n\nend of trees\n";

TEST(Shap, IsTheShapleyValueOfTheTree) {
  // v({}) = 5.5, v({a}) = 2, v({b}) = (1 + 9) / 2 = 5, v({a, b}) = 1 for a, b <= 0.
  const auto found = contributions(Model::parse(kTwoSplits, "test"), std::vector<double>{-1, -1});
  EXPECT_DOUBLE_EQ(found[0], ((2 - 5.5) + (1 - 5)) / 2);
  EXPECT_DOUBLE_EQ(found[1], ((5 - 5.5) + (1 - 2)) / 2);
  EXPECT_DOUBLE_EQ(found[2], 5.5);
}

TEST(Shap, RefusesTreesWithoutCounts) {
  std::string text = kTwoSplits;
  text.erase(text.find("leaf_count"), std::string("leaf_count=2 4 2\n").size());
  const Model model = Model::parse(text, "test");
  EXPECT_NE(model.no_contributions().find("leaf_count"), std::string::npos);
  EXPECT_THROW(contributions(model, std::vector<double>{0, 0}), Error);

  text = kTwoSplits;
  text.replace(text.find("leaf_count=2"), 12, "leaf_count=0");
  EXPECT_FALSE(Model::parse(text, "test").no_contributions().empty());
}

/// A chain: node i sends x <= i to leaf i, the rest on.
std::string chain(int nodes) {
  std::string feature, threshold, left, right, value, leaf_count, internal_count;
  for (int i = 0; i < nodes; ++i) {
    feature += std::to_string(i % 2) + " ";
    threshold += std::to_string(i) + " ";
    left += std::to_string(-i - 1) + " ";
    right += std::to_string(i + 1 < nodes ? i + 1 : -nodes - 1) + " ";
    internal_count += std::to_string(nodes + 1 - i) + " ";
  }
  for (int i = 0; i <= nodes; ++i) {
    value += std::to_string(i) + " ";
    leaf_count += "1 ";
  }
  return "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
         "feature_names=a b\n\nTree=0\nnum_leaves=" +
         std::to_string(nodes + 1) + "\nsplit_feature=" + feature + "\nthreshold=" + threshold +
         "\nleft_child=" + left + "\nright_child=" + right + "\nleaf_value=" + value +
         "\nleaf_count=" + leaf_count + "\ninternal_count=" + internal_count +
         "\n\n\nend of trees\n";
}

TEST(Shap, DeepTreesPredictAndDeepestAreNotExplained) {
  constexpr int kNodes = 100'000;
  const Model model = Model::parse(chain(kNodes), "chain");
  double score = 0;
  const std::vector<double> row = {1e9, 1e9};
  model.raw(row, {&score, 1});
  EXPECT_EQ(score, kNodes);
  EXPECT_NE(model.no_contributions().find("100000"), std::string::npos);
  EXPECT_THROW(contributions(model, row), Error);
}

TEST(Shap, ExplainsTreesAtTheDepthLimit) {
  const Model model = Model::parse(chain(Model::kMaxContributionDepth), "chain");
  const std::vector<double> row = {1e9, 1e9};
  // Each of some 500 leaves adds values up to 512 with an error of a few epsilon.
  EXPECT_NEAR(sum(contributions(model, row)), Model::kMaxContributionDepth, 1e-9);
  EXPECT_FALSE(
      Model::parse(chain(Model::kMaxContributionDepth + 1), "chain").no_contributions().empty());
}

}  // namespace
}  // namespace ctclip
