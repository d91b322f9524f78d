#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "fusion/fusion.h"
#include "fusion/random_model.h"
#include "fusion_golden.h"

namespace ctclip {
namespace {

using lightgbm::Model;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// A model that adds, for each column, -weight where the value is at most 0.5 and +weight above.
Model stumps(const std::string& names, const std::vector<double>& weights,
             const std::string& objective = "objective=binary sigmoid:1\n") {
  std::string text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=" +
                     std::to_string(weights.size() - 1) + "\n" + objective +
                     "feature_names=" + names + "\n";
  for (std::size_t i = 0; i < weights.size(); ++i) {
    text += fmt::format(
        "\nTree={0}\nnum_leaves=2\nsplit_feature={0}\nthreshold=0.5\nleft_child=-1\n"
        "right_child=-2\nleaf_value=-{1} {1}\nleaf_count=10 10\ninternal_count=20\n\n",
        i, weights[i]);
  }
  return Model::parse(text + "\nend of trees\n", "stumps.txt");
}

Scores some_scores() {
  Scores scores;
  scores.supervised = {{"covid", 0.9}, {"cancer", 0.2}};
  scores.ctclip = {{"Pleural effusion", 0.6}, {"Pneumonia", 0.4}};
  return scores;
}

constexpr const char* kColumns =
    "ctclip_Pleural_effusion supervised_covid ctclip_Pneumonia supervised_max_probability";

void expect_error(Code code, const ::testing::Matcher<std::string>& message,
                  const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_THAT(std::string(error.what()), message);
  }
}

TEST(Decide, FindsColumnsByNameInAnySpelling) {
  const Fusion fusion(stumps(kColumns, {2, 1, 0.5, 0.25}), {}, 0.4);
  const Decision decision = fusion.decide(some_scores(), 0.4);
  ASSERT_EQ(decision.features.size(), 4U);
  EXPECT_EQ(decision.features[0].name, "ctclip_Pleural effusion");
  EXPECT_EQ(decision.features[0].value, 0.6);
  EXPECT_EQ(decision.features[1].value, 0.9);
  EXPECT_EQ(decision.features[3].value, 0.9);
  const std::vector<double> shap = {2, 1, -0.5, 0.25, 0};
  EXPECT_EQ(decision.shap, shap);
  EXPECT_DOUBLE_EQ(decision.probability, 1 / (1 + std::exp(-2.75)));
}

TEST(Decide, TheLargestPositiveShapValueNamesThePathology) {
  const Fusion fusion(stumps(kColumns, {1, 2, 8, 4}), {}, 0.4);
  // The aggregate has the largest of the positive ones, but is no pathology.
  Scores scores = some_scores();
  scores.ctclip[1].probability = 0.6;
  scores.ctclip[0].probability = 0.4;
  EXPECT_EQ(fusion.decide(scores, 0.4).most_dangerous, "Pneumonia");
  scores.ctclip[1].probability = 0.4;
  EXPECT_EQ(fusion.decide(scores, 0.0).most_dangerous, "COVID-19 pneumonia");
}

TEST(Decide, BelowTheThresholdNothingIsNamed) {
  const Fusion fusion(stumps(kColumns, {1, 1, 1, 1}), {}, 0.4);
  Scores scores = some_scores();
  const double probability = fusion.decide(scores, 0.4).probability;
  EXPECT_EQ(fusion.decide(scores, probability).pathology, true);  // at the threshold: pathology
  const Decision above = fusion.decide(scores, std::nextafter(probability, 1));
  EXPECT_FALSE(above.pathology);
  EXPECT_EQ(above.most_dangerous, "No significant pathology");
}

TEST(Decide, WithoutAPositiveShapValueTheHighestProbability) {
  const Fusion fusion(stumps(kColumns, {1, 1, 1, 1}), {}, 0.4);
  Scores scores;
  scores.supervised = {{"covid", 0.1}, {"cancer", 0.35}};
  scores.ctclip = {{"Pleural effusion", 0.2}, {"Pneumonia", 0.3}};
  const Decision decision = fusion.decide(scores, 0.0);
  EXPECT_TRUE(decision.pathology);
  EXPECT_EQ(decision.most_dangerous, "Cancer");
}

TEST(Decide, MissingFeaturesAreNamedAtOnce) {
  const Fusion fusion(
      stumps("supervised_covid diffusion_classifier_mean_probability ctclip_group_lung_max",
             {1, 1, 1}),
      {}, 0.4);
  const auto message =
      AllOf(HasSubstr("stumps.txt"), HasSubstr("2 of its 3"), HasSubstr("ctclip_group_lung_max"),
            HasSubstr("diffusion_classifier_mean_probability"), Not(HasSubstr("supervised_covid")));
  expect_error(Code::bad_model, message, [&] { fusion.require({"supervised_covid"}); });
  expect_error(Code::internal, message, [&] { fusion.decide(some_scores(), 0.4); });
  EXPECT_NO_THROW(fusion.require({"ctclip_group_lung max", "supervised_covid",
                                  "diffusion_classifier_mean_probability", "more"}));
}

TEST(Decide, NamesThatCollideAreRefused) {
  expect_error(Code::bad_model, AllOf(HasSubstr("a_b"), HasSubstr("stumps.txt")), [] {
    Fusion(stumps("a_b a_b", {1, 1}), {}, 0.4);
  });
  const Fusion fusion(stumps("a_b", {1}), {}, 0.4);
  expect_error(Code::bad_model, AllOf(HasSubstr("\"a b\""), HasSubstr("\"a_b\"")), [&] {
    fusion.require({"a b", "a_b"});
  });
}

TEST(Decide, WantsByPrefix) {
  const Fusion fusion(stumps("diffusion_classifier_mean_probability a_b", {1, 1}), {}, 0.4);
  EXPECT_TRUE(fusion.wants("diffusion_classifier_"));
  EXPECT_TRUE(fusion.wants("a b"));
  EXPECT_FALSE(fusion.wants("diffusion_reconstruction_"));
  EXPECT_FALSE(fusion.wants("probability"));
}

TEST(Decide, OnlyBinaryClassifiersWithShapValues) {
  expect_error(Code::bad_model, HasSubstr("regression"),
               [] { Fusion(stumps("a", {1}, "objective=regression\n"), {}, 0.4); });
  expect_error(Code::bad_model, HasSubstr("custom"), [] { Fusion(stumps("a", {1}, ""), {}, 0.4); });
  EXPECT_NO_THROW(Fusion(stumps("a", {1}, "objective=cross_entropy\n"), {}, 0.4));
  // What golden/lightgbm has of models that are none.
  for (const char* name :
       {"multiclass2", "multiclassova2", "multiclass3_empty_class", "cross_entropy_lambda",
        "custom_objective", "regression", "linear_tree", "linear_tree_no_params"}) {
    const auto path = testing::lightgbm_golden("variants/" + std::string(name) + ".txt");
    expect_error(Code::bad_model, HasSubstr(name), [&] { Fusion(Model::load(path), {}, 0.4); });
  }
  EXPECT_NO_THROW(Fusion(Model::load(testing::lightgbm_golden("variants/rf.txt")), {}, 0.4));
}

TEST(Decide, ThresholdsAreProbabilities) {
  for (const double bad : {-0.1, 1.1, std::nan("")}) {
    expect_error(Code::bad_parameter, HasSubstr("threshold"),
                 [&] { Fusion(stumps("a", {1}), {}, bad); });
    const Fusion fusion(stumps(kColumns, {1, 1, 1, 1}), {}, 0.4);
    expect_error(Code::bad_parameter, HasSubstr("threshold"),
                 [&] { fusion.decide(some_scores(), bad); });
  }
}

TEST(Decide, ANumberThatIsNoneIsNeverAnAnswer) {
  const Fusion fusion(stumps(kColumns, {1, 1, 1, 1}), {}, 0.4);
  Scores scores = some_scores();
  scores.ctclip[1].probability = std::nan("");
  expect_error(Code::internal, HasSubstr("ctclip_Pneumonia"), [&] { fusion.decide(scores, 0.4); });
}

TEST(RandomModel, IsAWholeModelAndTheSameForASeed) {
  const std::vector<std::string> names = {"supervised_covid", "supervised_cancer",
                                          "ctclip_Pleural effusion", "ctclip_Pneumonia",
                                          "ctclip_mean_probability"};
  const std::string text = random_fusion_text(names, 1);
  EXPECT_EQ(text, random_fusion_text(names, 1));
  EXPECT_NE(text, random_fusion_text(names, 2));
  const Fusion fusion(Model::parse(text, "random"), {}, 0.4);
  EXPECT_EQ(fusion.model().trees(), 100U);
  fusion.require(names);
  const Decision decision = fusion.decide(some_scores(), 0.4);
  EXPECT_GT(decision.probability, 0.0);
  EXPECT_LT(decision.probability, 1.0);
  const double raw = std::log(decision.probability / (1 - decision.probability));
  // The logit of a probability near 0.5 has an error of some 4 epsilon, the sum of 1e2 trees less.
  EXPECT_NEAR(std::accumulate(decision.shap.begin(), decision.shap.end(), 0.0), raw, 1e-13);
}

TEST(RandomModel, RefusesNamesThatNoFileCanHold) {
  EXPECT_THROW(random_fusion_text({}, 1), Error);
  EXPECT_THROW(random_fusion_text({""}, 1), Error);
  EXPECT_THROW(random_fusion_text({"a b", "a_b"}, 1), Error);
  EXPECT_THROW(random_fusion_text({"a,b"}, 1), Error);
  EXPECT_THROW(random_fusion_text({"a\nb"}, 1), Error);
}

}  // namespace
}  // namespace ctclip
