#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "pipeline/compare.h"
#include "pipeline/precision_choice.h"
#include "testing.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

const fs::path kTiny = fs::path(CTCLIP_TESTS_DIR) / "data/tiny";

Comparison measured(const std::string& hash) {
  return {hash,
          "2026-03-01",
          "0.1.0",
          40,
          0,
          1,
          {{"probability_of_pathology", {40, 0.001, 0.002, 0.0625}},
           {"ctclip_latent", {40, 0.5, 1, 6.875}}}};
}

std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// A copy of the tiny bundle that a test may change.
class PrecisionOfABundle : public ::testing::Test {
 protected:
  PrecisionOfABundle() { fs::copy(kTiny, folder_.path(), fs::copy_options::recursive); }

  fs::path file() const { return folder_.path() / "bundle.json"; }
  ordered_json root() const {
    std::ifstream stream(file());
    return ordered_json::parse(stream);
  }
  void write(const ordered_json& root) const { std::ofstream(file()) << root.dump(); }
  Bundle open() const { return open_bundle(folder_.path()); }
  void record() const { record_comparison(folder_.path(), measured(bundle_hash(open()))); }
  /// What `auto` is, and that the reason says so.
  void expect_auto(nn::Precision expected, bool has_bf16, const std::string& reason) const {
    const PrecisionChoice choice = choose_precision("auto", open(), has_bf16);
    EXPECT_EQ(choice.precision, expected) << choice.reason;
    EXPECT_NE(choice.reason.find(reason), std::string::npos) << choice.reason;
    EXPECT_EQ(choice.comparison.has_value(), expected == nn::Precision::bf16);
  }

  testing::TempDir folder_;
};

TEST_F(PrecisionOfABundle, IsF32UnlessBf16WasCompared) {
  expect_auto(nn::Precision::f32, true, "records no comparison");
  expect_auto(nn::Precision::f32, false, "AVX512-BF16");
  record();
  expect_auto(nn::Precision::bf16, true, "2026-03-01 by ctclip 0.1.0: 40 studies, 0 decisions");
  expect_auto(nn::Precision::f32, false, "AVX512-BF16");
}

TEST_F(PrecisionOfABundle, IsWhatWasAskedForWhateverIsRecorded) {
  for (const bool recorded : {false, true}) {
    if (recorded) record();
    const Bundle bundle = open();
    EXPECT_EQ(choose_precision("f32", bundle, true).precision, nn::Precision::f32);
    EXPECT_EQ(choose_precision("bf16", bundle, true).precision, nn::Precision::bf16);
    EXPECT_NE(message_of([&] { choose_precision("bf16", bundle, false); }).find("AVX512-BF16"),
              std::string::npos);
    EXPECT_THROW(choose_precision("f16", bundle, true), Error);
  }
}

TEST_F(PrecisionOfABundle, ForgetsTheComparisonOfOtherModels) {
  record();
  for (const char* role : {"ctclip", "supervised", "fusion", "vocabulary"}) {
    ordered_json other = root();
    other["files"][role]["sha256"] = std::string(64, '0');  // as of another file
    const ordered_json before = root();
    write(other);
    expect_auto(nn::Precision::f32, true, "of other models or another configuration");
    write(before);
  }
  ordered_json other = root();
  other["threshold"] = 0.123;  // decisions flip elsewhere
  write(other);
  expect_auto(nn::Precision::f32, true, "of other models or another configuration");
}

TEST_F(PrecisionOfABundle, ReadsTheFilesWhoseHashIsNotStated) {
  record();
  ordered_json silent = root();
  silent["files"]["vocabulary"].erase("sha256");
  write(silent);
  expect_auto(nn::Precision::bf16, true, "40 studies");
  std::ofstream(folder_.path() / "vocab.txt", std::ios::app) << "another\n";
  expect_auto(nn::Precision::f32, true, "of other models");
}

TEST_F(PrecisionOfABundle, IsNoPartOfItsIdentity) {
  const std::string before = bundle_hash(open());
  record();
  EXPECT_EQ(bundle_hash(open()), before);
  EXPECT_EQ(stated_bundle_hash(open()), before);
}

TEST_F(PrecisionOfABundle, IsRecordedBesideTheRestOfTheFile) {
  ordered_json given = root();
  given["zebra"] = "of the owner";
  given["aardvark"] = {{"b", 1.5}, {"a", nullptr}};
  write(given);
  fs::permissions(file(), fs::perms(0640));
  record();
  record();  // takes the place of the first
  ordered_json found = root();
  ASSERT_TRUE(found.contains("comparison"));
  found.erase("comparison");
  EXPECT_EQ(found.dump(), given.dump()) << "content and order";
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms(0640));
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path().string().find("bundle.json."), std::string::npos) << "left behind";
  }
}

TEST_F(PrecisionOfABundle, TravelsWhenTheBundleIsWrittenAnew) {
  record();
  const Bundle bundle = open();
  write_bundle(bundle, folder_.path());
  EXPECT_EQ(comparison_json(*open().comparison).dump(), comparison_json(*bundle.comparison).dump());
}

TEST_F(PrecisionOfABundle, IsNotRecordedWhereThereIsNoBundleJson) {
  fs::remove(file());
  const std::string message = message_of([&] { require_record(folder_.path()); });
  EXPECT_NE(message.find("has no bundle.json"), std::string::npos) << message;
  EXPECT_NE(message.find("ctclip models pack"), std::string::npos) << message;
}

// Each with the field by which it is refused.
TEST_F(PrecisionOfABundle, RefusesADamagedRecordByName) {
  record();
  const ordered_json good = root();
  const std::string fused = "/comparison/differences/probability_of_pathology";
  const std::vector<std::tuple<std::string, ordered_json, std::string>> damages = {
      {"/comparison", "bf16", "\"comparison\": expected an object, found \"bf16\""},
      {"/comparison", ordered_json::object(), "expected a field \"precision\""},
      {"/comparison/precision", "f16", "\"comparison.precision\": expected \"bf16\""},
      {"/comparison/precision", 16, "\"comparison.precision\""},
      {"/comparison/bundle_sha256", "abc", "\"comparison.bundle_sha256\": expected 64"},
      {"/comparison/bundle_sha256", std::string(64, 'G'), "\"comparison.bundle_sha256\""},
      {"/comparison/date", "yesterday!", "\"comparison.date\": expected a date"},
      {"/comparison/date", std::string(1 << 16, '1'), "\"comparison.date\""},
      {"/comparison/version", "<script>", "\"comparison.version\""},
      {"/comparison/version", "", "\"comparison.version\""},
      {"/comparison/studies", -1, "\"comparison.studies\": expected a whole number"},
      {"/comparison/studies", 40.5, "\"comparison.studies\""},
      {"/comparison/studies", UINT64_MAX, "\"comparison.studies\""},
      {"/comparison/flipped_decisions", 41,
       "\"comparison.flipped_decisions\": expected a whole "
       "number from 0 to 40, found 41"},
      {"/comparison/changed_types", "1", "\"comparison.changed_types\""},
      {"/comparison/differences", ordered_json::array(), "\"comparison.differences\""},
      {"/comparison/differences", ordered_json::object(), "\"probability_of_pathology\""},
      {fused, 3, "\"comparison.differences.probability_of_pathology\": expected an object"},
      {fused + "/largest", 1.5,
       "probability_of_pathology.largest\": expected a number from 0 to 1"},
      {fused + "/median", 0.5, "median <= percentile_95 <= largest"},
      {fused + "/values", nullptr, "probability_of_pathology.values\""},
      {"/comparison/differences/ctclip_latent/largest", 181, "ctclip_latent.largest\""},
  };
  for (const auto& [where, value, expected] : damages) {
    ordered_json bad = good;
    bad[ordered_json::json_pointer(where)] = value;
    write(bad);
    const std::string message = message_of([&] { open(); });
    EXPECT_NE(message.find(expected), std::string::npos) << where << ": " << message;
    EXPECT_NE(message.find("bundle.json"), std::string::npos) << message;
    EXPECT_LT(message.size(), 500U);
  }
  write(good);
  EXPECT_NO_THROW(open());
}

StudyDifference study(const std::string& content, double one, double other,
                      const std::string& type = "Nodule") {
  StudyDifference found;
  found.content = content;
  found.f32 = {one, one >= 0.5, one >= 0.5 ? type : "none", {}, {}};
  found.bf16 = {other, other >= 0.5, other >= 0.5 ? type : "none", {}, {}};
  found.sizes["probability_of_pathology"] = {std::abs(one - other)};
  return found;
}

TEST(Comparer, CountsAStudyOnce) {
  Comparer comparer;
  EXPECT_TRUE(comparer.add(study("a", 0.25, 0.5)));
  EXPECT_FALSE(comparer.add(study("a", 0.25, 0.5)));
  EXPECT_TRUE(comparer.add(study("b", 0.75, 0.75)));
  const Comparison found = comparer.result(std::string(64, 'a'));
  EXPECT_EQ(found.studies, 2);
  EXPECT_EQ(found.flipped, 1);
  EXPECT_EQ(found.other_type, 1);
  ASSERT_EQ(found.differences.size(), 1U);
  EXPECT_EQ(found.differences[0].spread.largest, 0.25);
  EXPECT_EQ(found.differences[0].spread.median, 0);
  const json node = json::parse(comparison_json(found).dump());
  EXPECT_EQ(comparison_json(read_comparison(node, "bundle.json")), comparison_json(found));
}

TEST(Comparer, WantsEnoughStudiesAndFewFlips) {
  const auto acceptable = [](int64_t studies, int64_t flipped, int64_t allowed) {
    Comparison found = measured(std::string(64, 'a'));
    found.studies = studies;
    found.flipped = flipped;
    return message_of([&] { require_acceptable(found, allowed); });
  };
  EXPECT_EQ(acceptable(kFewestCompared, 0, -1), "");
  EXPECT_NE(acceptable(kFewestCompared - 1, 0, -1).find("at least 30"), std::string::npos);
  EXPECT_NE(acceptable(kFewestCompared - 1, 0, 9).find("at least 30"), std::string::npos);
  EXPECT_NE(acceptable(199, 1, -1).find("--allow-flips 1"), std::string::npos);
  EXPECT_EQ(acceptable(200, 1, -1), "");
  EXPECT_EQ(acceptable(30, 3, 3), "");
  EXPECT_NE(acceptable(30, 4, 3).find("at most 3"), std::string::npos);
}

TEST(Comparer, MeasuresSpreadsAndAngles) {
  std::vector<double> sizes;
  for (int i = 1; i <= 100; ++i) sizes.push_back(101 - i);
  const Spread spread = spread_of(sizes);
  EXPECT_EQ(spread.values, 100);
  EXPECT_EQ(spread.median, 50);
  EXPECT_EQ(spread.percentile_95, 95);
  EXPECT_EQ(spread.largest, 100);
  EXPECT_EQ(angle_between({1, 2, 3}, {2, 4, 6}), 0);
  EXPECT_NEAR(angle_between({1, 0}, {0, 3}), 90, 1e-12);
  EXPECT_NEAR(angle_between({1, 0}, {1, 1e-6F}), 1e-6 * 180 / 3.14159265, 1e-11);
  Comparison none_of_60 = measured(std::string(64, 'a'));
  none_of_60.studies = 60;
  EXPECT_NEAR(most_flips(none_of_60), 0.0602, 1e-4);
}

}  // namespace
}  // namespace ctclip
