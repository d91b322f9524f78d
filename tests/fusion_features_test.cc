#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "fusion/features.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Scores full_scores() {
  Scores scores;
  scores.supervised = {{"cancer", 0.25}, {"pleural_effusion", 0.75}};
  scores.ctclip = {
      {"Pneumonia", 0.5}, {"Pleural effusion", 0.625}, {"Rib fracture", 0.125}, {"Thymoma", 0.75}};
  scores.diffusion_classifier = SliceStatistics{0.1, 0.2, 0.3, {}, {}};
  scores.diffusion_reconstruction = SliceStatistics{4, 5, 6, {}, {}};
  return scores;
}

std::vector<std::string> names(const std::vector<Feature>& features) {
  std::vector<std::string> result;
  result.reserve(features.size());
  for (const auto& feature : features) result.push_back(feature.name);
  return result;
}

double value(const std::vector<Feature>& features, const std::string& name) {
  for (const auto& feature : features) {
    if (feature.name == name) return feature.value;
  }
  ADD_FAILURE() << "no feature " << name;
  return NAN;
}

TEST(Features, NamesAndOrder) {
  const PathologyGroups groups = {{"lung", {"Pneumonia"}}, {"bone", {"Rib fracture"}}};
  EXPECT_THAT(
      names(make_features(full_scores(), groups)),
      ElementsAre("supervised_cancer", "supervised_pleural_effusion", "ctclip_Pneumonia",
                  "ctclip_Pleural effusion", "ctclip_Rib fracture", "ctclip_Thymoma",
                  "supervised_mean_probability", "supervised_max_probability",
                  "supervised_top3_mean", "ctclip_mean_probability", "ctclip_max_probability",
                  "ctclip_top3_mean", "diffusion_classifier_mean_probability",
                  "diffusion_classifier_max_probability", "diffusion_classifier_std_probability",
                  "diffusion_reconstruction_mean", "diffusion_reconstruction_max",
                  "diffusion_reconstruction_std", "ctclip_group_bone_max", "ctclip_group_bone_mean",
                  "ctclip_group_bone_count_high", "ctclip_group_bone_std", "ctclip_group_lung_max",
                  "ctclip_group_lung_mean", "ctclip_group_lung_count_high",
                  "ctclip_group_lung_std"));
}

TEST(Features, Values) {
  const PathologyGroups groups = {{"all", {"Pneumonia", "Pleural effusion", "Thymoma"}}};
  const auto features = make_features(full_scores(), groups);
  EXPECT_EQ(value(features, "supervised_pleural_effusion"), 0.75);
  EXPECT_EQ(value(features, "ctclip_Rib fracture"), 0.125);
  EXPECT_EQ(value(features, "supervised_mean_probability"), 0.5);
  EXPECT_EQ(value(features, "supervised_max_probability"), 0.75);
  EXPECT_EQ(value(features, "supervised_top3_mean"), 0.5);  // of two: the mean of what there is
  EXPECT_EQ(value(features, "ctclip_mean_probability"), 0.5);
  EXPECT_EQ(value(features, "ctclip_max_probability"), 0.75);
  EXPECT_EQ(value(features, "ctclip_top3_mean"), 0.625);
  EXPECT_EQ(value(features, "diffusion_classifier_mean_probability"), 0.1);
  EXPECT_EQ(value(features, "diffusion_classifier_max_probability"), 0.2);
  EXPECT_EQ(value(features, "diffusion_classifier_std_probability"), 0.3);
  EXPECT_EQ(value(features, "diffusion_reconstruction_mean"), 4);
  EXPECT_EQ(value(features, "diffusion_reconstruction_max"), 5);
  EXPECT_EQ(value(features, "diffusion_reconstruction_std"), 6);
  EXPECT_EQ(value(features, "ctclip_group_all_max"), 0.75);
  EXPECT_EQ(value(features, "ctclip_group_all_mean"), 0.625);
  EXPECT_EQ(value(features, "ctclip_group_all_count_high"), 2);  // 0.5 itself is not high
  EXPECT_DOUBLE_EQ(value(features, "ctclip_group_all_std"), 0.125 * std::sqrt(2.0 / 3));
}

TEST(Features, PartsThatDidNotRunMakeNone) {
  EXPECT_TRUE(make_features({}, {{"lung", {"Pneumonia"}}}).empty());
  Scores scores;
  scores.supervised = {{"cancer", 0.5}};
  EXPECT_THAT(names(make_features(scores, {})),
              ElementsAre("supervised_cancer", "supervised_mean_probability",
                          "supervised_max_probability", "supervised_top3_mean"));
}

TEST(Features, GroupsThatCannotBeRightAreRefused) {
  try {
    make_features(full_scores(), {{"lung", {"Pneumonia", "Nonsense"}}});
    FAIL() << "an unknown pathology was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_model);
    EXPECT_THAT(error.what(), HasSubstr("Nonsense"));
  }
  EXPECT_THROW(make_features(full_scores(), {{"lung", {}}}), Error);
}

TEST(Features, LightGbmSpelling) {
  EXPECT_EQ(lightgbm_spelling("a  b c "), "a__b_c_");
  EXPECT_EQ(lightgbm_spelling("a\tb\xC2\xA0(c)"), "a\tb\xC2\xA0(c)");
}

TEST(Features, SpellsTheGoldenNames) {
  std::ifstream given(testing::golden("lightgbm/feature_names.txt"));
  std::ifstream stored(testing::golden("lightgbm/feature_names_in_model.txt"));
  std::string name, expected;
  int count = 0;
  while (std::getline(given, name) && std::getline(stored, expected)) {
    EXPECT_EQ(lightgbm_spelling(name), expected);
    ++count;
  }
  EXPECT_EQ(count, 82);
}

}  // namespace
}  // namespace ctclip
