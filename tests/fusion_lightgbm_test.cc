// Replays golden/lightgbm: what the library itself answers for every kind of model in its manifest.

#include <gtest/gtest.h>

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

class Replay {
 public:
  Replay(std::string name, const nlohmann::json& entry)
      : name_(std::move(name)), entry_(entry), model_(parse_golden(entry.at("model"))) {}

  void header() const {
    EXPECT_EQ(model_.features(), entry_.at("num_features").get<std::size_t>()) << name_;
    EXPECT_EQ(model_.outputs(), entry_.at("trees_per_iteration").get<std::size_t>()) << name_;
    EXPECT_EQ(model_.trees(), entry_.at("iterations").get<std::size_t>() * model_.outputs())
        << name_;
    const auto& objective = entry_.at("objective");
    EXPECT_EQ(model_.objective(), objective.is_null() ? "" : objective.get<std::string>()) << name_;
  }

  void scores(const nlohmann::json& set) const {
    const Rows rows(lightgbm_golden(set.at("X")));
    const Rows raw(lightgbm_golden(set.at("raw"))), prob(lightgbm_golden(set.at("prob")));
    const Rows leaf(lightgbm_golden(set.at("leaf")));
    ASSERT_GT(rows.size(), 0U) << name_;
    std::vector<double> found(model_.outputs());
    std::vector<int32_t> leaves(model_.trees());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      model_.leaves(rows[i], leaves);
      EXPECT_TRUE(std::ranges::equal(leaves, leaf[i])) << name_ << " leaves of row " << i;
      // The order of operations is the library's: not a bit is different.
      model_.raw(rows[i], found);
      compare(found, raw[i], 0, "raw", i);
      // Two implementations of exp may differ in the last bits: 1e-15 is 4.5 epsilon.
      model_.probability(rows[i], found);
      compare(found, prob[i], 1e-15, "prob", i);
    }
  }

 private:
  void compare(std::span<const double> found, std::span<const double> expected, double relative,
               const char* what, std::size_t row) const {
    ASSERT_EQ(found.size(), expected.size()) << name_;
    for (std::size_t k = 0; k < found.size(); ++k) {
      EXPECT_TRUE(same_number(found[k], expected[k], relative))
          << name_ << ' ' << what << " of row " << row << ": " << found[k] << ", expected "
          << expected[k];
    }
  }

  std::string name_;
  const nlohmann::json& entry_;
  Model model_;
};

TEST(LightGbm, ReplaysEveryGoldenModel) {
  const auto manifest = testing::lightgbm_manifest();
  const auto& models = manifest.at("text_models");
  EXPECT_EQ(models.size(), 33U);
  for (const auto& [name, entry] : models.items()) {
    const Replay replay(name, entry);
    replay.header();
    for (const auto& set : entry.at("sets")) replay.scores(set);
  }
}

TEST(LightGbm, NamesAreThoseOfTheFile) {
  const auto path = lightgbm_golden("feature_names_in_model.txt");
  std::ifstream file(path);
  std::vector<std::string> expected;
  for (std::string line; std::getline(file, line);) expected.push_back(line);
  EXPECT_EQ(parse_golden("lgbm_binary.txt").feature_names(), expected);
}

// 4 features, one numeric split on "a", then whatever a test puts in.
std::string small_model(const std::string& tree_lines) {
  return "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=3\n"
         "objective=binary sigmoid:1\nfeature_names=a b=c \xD0\xB4 __d_\n\nTree=0\n" +
         tree_lines + "\n\n\nend of trees\n";
}
std::string split_at(const std::string& threshold, const std::string& decision_type) {
  return small_model("num_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=" + threshold +
                     "\ndecision_type=" + decision_type +
                     "\nleft_child=-1\nright_child=-2\nleaf_value=-1 1\nleaf_count=2 3\n"
                     "internal_count=5");
}
double raw_of(const Model& model, double a) {
  const std::vector<double> row = {a, 0, 0, 0};
  double score = NAN;
  model.raw(row, {&score, 1});
  return score;
}
double raw_of(const std::string& text, double a) { return raw_of(Model::parse(text, "test"), a); }

TEST(LightGbm, NamesMayHoldOddCharacters) {
  const std::vector<std::string> expected = {"a", "b=c", "\xD0\xB4", "__d_"};
  EXPECT_EQ(Model::parse(split_at("0.5", "2"), "test").feature_names(), expected);
}

TEST(LightGbm, ReadsEverySpellingOfANumber) {
  for (const char* half : {"0.5", "+0.5", ".5", "5e-1", "5E-1", "0.50000000000000000", "00.5"}) {
    EXPECT_EQ(raw_of(split_at(half, "2"), 0.5), -1) << half;
    EXPECT_EQ(raw_of(split_at(half, "2"), std::nextafter(0.5, 1)), 1) << half;
  }
  for (const char* infinity : {"inf", "+inf", "INF", "infinity"}) {
    EXPECT_EQ(raw_of(split_at(infinity, "2"), INFINITY), -1) << infinity;
  }
  EXPECT_EQ(raw_of(split_at("-inf", "2"), -INFINITY), -1);
  EXPECT_EQ(raw_of(split_at("nan", "2"), -INFINITY), 1);  // nothing is <= NaN
  EXPECT_EQ(raw_of(split_at("4.9406564584124654e-324", "2"), 1e-36), -1);
}

TEST(LightGbm, RefusesWhatIsNoNumber) {
  for (const char* bad : {"", "0x1p3", "1,5", "0.5a", "--1", "+-1", "1e999", "1 2"}) {
    EXPECT_THROW(Model::parse(split_at(bad, "2"), "test"), Error) << bad;
  }
}

TEST(LightGbm, FollowsEveryDecisionType) {
  // NaN and 0 against a threshold of -1, so that "as zero" goes right.
  const struct {
    const char* type;
    double nan, zero;
  } cases[] = {{"0", 1, 1}, {"2", 1, 1},   {"4", 1, 1},  {"6", -1, -1},
               {"8", 1, 1}, {"10", -1, 1}, {"12", 1, 1}, {"14", 1, 1}};
  for (const auto& test : cases) {
    const Model model = Model::parse(split_at("-1", test.type), "test");
    EXPECT_EQ(raw_of(model, NAN), test.nan) << test.type;
    EXPECT_EQ(raw_of(model, 0), test.zero) << test.type;
    EXPECT_EQ(raw_of(model, -2), -1) << test.type;
    EXPECT_EQ(raw_of(model, 2), 1) << test.type;
  }
}

TEST(LightGbm, LineEndsDoNotMatter) {
  std::string text = testing::read_text(lightgbm_golden("variants/nan_default.txt"));
  const Model unix_ends = Model::parse(text, "lf");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '\r');
  }
  const Model dos_ends = Model::parse(text, "crlf");
  EXPECT_EQ(dos_ends.feature_names(), unix_ends.feature_names());
  const Rows rows(lightgbm_golden("variants/nan_default_X.npy"));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double a = 0;
    double b = 1;
    unix_ends.raw(rows[i], {&a, 1});
    dos_ends.raw(rows[i], {&b, 1});
    EXPECT_EQ(a, b);
  }
}

TEST(LightGbm, TransformsByObjective) {
  const auto answer = [](const std::string& objective, double a) {
    std::string text = split_at("0", "2");
    text.replace(text.find("binary sigmoid:1"), 16, objective);
    const std::vector<double> row = {a, 0, 0, 0};
    double result = NAN;
    Model::parse(text, "test").probability(row, {&result, 1});
    return result;
  };
  EXPECT_DOUBLE_EQ(answer("binary sigmoid:2", 1), 1 / (1 + std::exp(-2.0)));
  EXPECT_DOUBLE_EQ(answer("poisson", 1), std::exp(1.0));
  EXPECT_DOUBLE_EQ(answer("regression sqrt", -1), -1);
  EXPECT_DOUBLE_EQ(answer("huber", -1), -1);
  EXPECT_THROW(answer("binary sigmoid:x", 1), Error);
  EXPECT_THROW(answer("binary sigmoid:-1", 1), Error);
  EXPECT_THROW(answer("multiclass num_class:3", 1), Error);
  EXPECT_THROW(answer("something_else", 1), Error);
}

}  // namespace
}  // namespace ctclip
