// Damaged model texts are read or refused with Error{bad_model}, never anything else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "fusion/lightgbm.h"
#include "fusion_golden.h"

namespace ctclip {
namespace {

using lightgbm::Model;

/// Whether the text was read; what was read is also evaluated.
bool survives(const std::string& text) {
  try {
    const Model model = Model::parse(text, "test");
    std::vector<double> out(model.outputs());
    std::vector<int32_t> leaves(model.trees());
    std::vector<double> shap(model.outputs() * (model.features() + 1));
    for (const double value : {0.0, -1.0, 1e300, HUGE_VAL, std::nan("")}) {
      const std::vector<double> row(model.features(), value);
      model.probability(row, out);
      model.leaves(row, leaves);
      for (const int32_t leaf : leaves) EXPECT_GE(leaf, 0);
      if (model.no_contributions().empty()) model.contributions(row, shap);
    }
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_model) << error.what();
    EXPECT_TRUE(std::string(error.what()).starts_with("test: ")) << error.what();
    return false;
  }
}

class Corrupt : public ::testing::TestWithParam<const char*> {
 protected:
  std::string text_ =
      testing::read_text(testing::lightgbm_golden("variants/" + std::string(GetParam()) + ".txt"));
};

TEST_P(Corrupt, Intact) { EXPECT_TRUE(survives(text_)); }

TEST_P(Corrupt, BytesReplaced) {
  std::mt19937 random(7);
  const std::string bytes = "0123456789-+.e =\n\r\tTNnai:\xFF";
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = text_;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      damaged[random() % damaged.size()] = bytes[random() % bytes.size()];
    }
    refused += survives(damaged) ? 0 : 1;
  }
  EXPECT_GT(refused, 0);
}

TEST_P(Corrupt, CutOff) {
  const std::size_t end = text_.find("end of trees");
  ASSERT_NE(end, std::string::npos);
  for (std::size_t size = 0; size < end + 12; size += 1 + end / 300) {
    EXPECT_FALSE(survives(text_.substr(0, size))) << size;
  }
}

TEST_P(Corrupt, LinesLost) {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    std::string damaged = text_;
    const std::size_t begin = damaged.find('\n', random() % damaged.size());
    if (begin == std::string::npos) continue;
    damaged.erase(begin, damaged.find('\n', begin + 1) - begin);
    survives(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Corrupt,
                         ::testing::Values("categorical", "linear_tree_no_params", "rf",
                                           "multiclass3_empty_class", "no_tree_sizes", "extreme"),
                         [](const auto& info) { return std::string(info.param); });

/// A tree of three leaves with one line put in the place of its like.
std::string with_line(const std::string& line) {
  std::string text =
      "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
      "objective=binary sigmoid:1\nfeature_names=a b\ntree_sizes=1\n\nTree=0\nnum_leaves=3\n"
      "num_cat=1\nsplit_feature=0 1\nthreshold=0 0\ndecision_type=2 1\nleft_child=1 -1\n"
      "right_child=-2 -3\nleaf_value=1 2 3\nleaf_count=2 4 2\ninternal_count=8 4\n"
      "cat_boundaries=0 1\ncat_threshold=5\nis_linear=1\nleaf_const=1 2 3\nnum_features=1 0 1\n"
      "leaf_features=0  1 \nleaf_coeff=1  2 \nshrinkage=1\n\n\nend of trees\n";
  if (line.empty()) return text;
  const std::string key = "\n" + line.substr(0, line.find('=') + 1);
  const std::size_t begin = text.find(key) + 1;
  return text.replace(begin, text.find('\n', begin) - begin, line);
}

void expect_refused(const std::string& line, const std::string& message) {
  try {
    Model::parse(with_line(line), "test");
    ADD_FAILURE() << "taken: " << line;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_model);
    EXPECT_THAT(error.what(), ::testing::HasSubstr(message)) << line;
  }
}

TEST(Refused, WhatCannotBeRight) {
  EXPECT_NO_THROW(Model::parse(with_line(""), "test"));
  expect_refused("version=v2", "version");
  expect_refused("max_feature_idx=2", "feature_names has 2 names");
  expect_refused("max_feature_idx=2147483647", "max_feature_idx");
  expect_refused("feature_names=a ", "empty name");
  expect_refused("num_tree_per_iteration=2", "2 score(s)");
  expect_refused("num_tree_per_iteration=0", "expected 1 to");
  expect_refused("tree_sizes=1 1", "tree_sizes has 2 items");
  expect_refused("objective=nonsense", "objective");
  expect_refused("num_leaves=2147483647", "leaf_value has 3 items");
  expect_refused("num_leaves=4", "leaf_value has 3 items, expected 4");
  expect_refused("num_leaves=0", "expected 1 to");
  expect_refused("num_leaves=99999999999", "expected a number in range");
  expect_refused("split_feature=0 2", "item 1 is 2, expected 0 to 1");
  expect_refused("split_feature=-1 0", "expected 0 to 1");
  expect_refused("left_child=2 -1", "expected -3 to 1");
  expect_refused("right_child=-2 -4", "expected -3 to 1");
  expect_refused("left_child=0 -1", "node 0 is reached twice");
  expect_refused("left_child=-1 -1", "are reached");
  expect_refused("left_child=1 -2", "leaf 1 is reached twice");
  expect_refused("decision_type=16 1", "expected 0 to 15");
  expect_refused("num_cat=0", "categorical");
  expect_refused("threshold=0 1", "categorical");
  expect_refused("threshold=0 nan", "categorical");
  expect_refused("cat_boundaries=0 2", "cat_threshold has 1 items, expected 2");
  expect_refused("cat_boundaries=1 1", "begin with 0");
  expect_refused("cat_boundaries=0 -1", "expected 0 to");
  expect_refused("cat_threshold=4294967296", "in range");
  expect_refused("num_features=1 0 2147483647", "leaf_features has 2 items");
  expect_refused("leaf_features=0 2", "expected 0 to 1");
  expect_refused("leaf_coeff=1", "leaf_coeff has 1 items");
  expect_refused("leaf_count=1 1", "leaf_count has 2 items");
  expect_refused("shrinkage=1\nleaf_value=1 2 3", "comes twice");
}

}  // namespace
}  // namespace ctclip
