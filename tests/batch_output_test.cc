#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/csv.h"
#include "batch/output.h"
#include "batch/progress.h"
#include "batch_testing.h"
#include "study/series.h"

namespace ctclip {
namespace {

using batch::Row;
using nlohmann::ordered_json;
using testing::a_failure;
using testing::a_header;
using testing::a_row;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::write_journal;

class Output : public ::testing::Test {
 protected:
  std::string written(const std::string& name, const std::vector<Row>& rows, bool details = false) {
    batch::Table table;
    table.add(write_journal(folder_.path() / name, a_header(), rows));
    batch::write_output(folder_.path() / name, table, batch::summarise(table), details);
    return testing::read_file(folder_.path() / name);
  }
  std::vector<std::vector<std::string>> records(const std::string& text) {
    std::istringstream in(text);
    CsvReader reader(in, "csv");
    std::vector<std::vector<std::string>> all;
    for (std::vector<std::string> fields; reader.next(fields);) all.push_back(fields);
    return all;
  }
  testing::TempDir folder_;
};

TEST_F(Output, CsvHasTheColumnsAndAFailureHasNoNumbers) {
  const auto rows =
      records(written("r.csv", {a_row("a.zip", 0.1), a_failure("b.zip", "no_lungs")}));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_THAT(rows[0],
              ElementsAre("path_to_study", "study_uid", "series_uid", "probability_of_pathology",
                          "pathology", "processing_status", "time_of_processing",
                          "most_dangerous_pathology_type", "error", "error_code", "warnings"));
  EXPECT_THAT(rows[1], ElementsAre("studies/a.zip", "1.2.5", "", "0.1", "0", "Success", "1.5",
                                   "Pneumonia", "", "", ""));
  EXPECT_THAT(rows[2], ElementsAre("studies/b.zip", "", "", "", "", "Failure", "", "",
                                   "It did not work.", "no_lungs", ""));
}

TEST_F(Output, WarningsAreACell) {
  Row row = a_row("a.zip");
  row.warnings = {"One slice was missing.", "=2 images dropped."};
  const auto rows = records(written("r.csv", {row}));
  EXPECT_EQ(rows.at(1).at(10), "One slice was missing. | =2 images dropped.");
  const auto json = ordered_json::parse(written("r.jsonl", {row}));
  EXPECT_THAT(json["warnings"].get<std::vector<std::string>>(), ::testing::Eq(row.warnings));
  EXPECT_THAT(written("r.xlsx", {row}), StartsWith("PK"));
}

TEST_F(Output, CsvRunsNoFormula) {
  for (const char* text : {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"}) {
    EXPECT_THAT(batch::guarded_csv_field(text), AnyOf(StartsWith("'"), StartsWith("\"'"))) << text;
  }
  EXPECT_EQ(batch::guarded_csv_field("a=b"), "a=b");
  EXPECT_EQ(batch::guarded_csv_field(""), "");
  EXPECT_EQ(batch::guarded_csv_field("=HYPERLINK(\"x\",\"y\")"),
            "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
  Row row = a_row("a\nb,\"c\".zip");
  row.path_to_study = "a\nb,\"c\".zip";
  EXPECT_EQ(records(written("r.csv", {row})).at(1).at(0), row.path_to_study);
}

TEST_F(Output, DetailsAreColumnsOfEveryNameThatSomeRowHas) {
  Row first = a_row("a"), second = a_row("b");
  first.probabilities = {{"ctclip_Pneumonia", 0.5}, {"supervised_covid", 0.25}};
  second.probabilities = {{"supervised_covid", 0.75}, {"ctclip_=x", 0.125}};
  second.features = {{"ctclip_group_lungs_count_high", 3}};
  const auto rows = records(written("r.csv", {second, first, a_failure("c", "x")}, true));
  const auto more = [&](std::size_t row) {
    return std::vector<std::string>(rows.at(row).begin() + 11, rows.at(row).end());
  };
  EXPECT_THAT(more(0), ElementsAre("ctclip_Pneumonia", "supervised_covid", "ctclip_=x",
                                   "ctclip_group_lungs_count_high"));
  EXPECT_THAT(more(1), ElementsAre("0.5", "0.25", "", ""));
  EXPECT_THAT(more(2), ElementsAre("", "0.75", "0.125", "3"));
  EXPECT_THAT(more(3), ElementsAre("", "", "", ""));
}

TEST_F(Output, JsonLinesHaveNullsForWhatIsNotThere) {
  std::istringstream lines(written("r.jsonl", {a_row("a"), a_failure("b", "no_lungs")}));
  std::string first, second;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(ordered_json::parse(first)["probability_of_pathology"], 0.25);
  const ordered_json failed = ordered_json::parse(second);
  EXPECT_EQ(failed.size(), batch::kColumns.size());
  EXPECT_TRUE(failed["probability_of_pathology"].is_null() && failed["pathology"].is_null());
  EXPECT_EQ(failed["error"], "It did not work.");
  EXPECT_EQ(failed["error_code"], "no_lungs");
}

TEST_F(Output, XlsxIsAZipAndNothingElseIsLeft) {
  EXPECT_THAT(written("r.xlsx", {a_row("a"), a_failure("b", "no_lungs")}, true), StartsWith("PK"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "r.xlsx.part"));
}

TEST_F(Output, AnotherEndingIsRefused) {
  EXPECT_THROW(batch::output_format("r.xls"), Error);
  EXPECT_THROW(batch::output_format("results"), Error);
}

TEST(SummaryText, IsTheGuides) {
  batch::Summary summary;
  summary.total = 5;
  summary.success = 4;
  summary.failed = 1;
  summary.failures = {{"no_lungs", 1}};
  const std::string text = batch::summary_text(summary, "results.xlsx");
  EXPECT_THAT(text, HasSubstr("\n=== Summary ===\nTotal: 5\nSuccess: 4\nFailed: 1\n"));
  EXPECT_THAT(text, HasSubstr("\nResults saved to: results.xlsx\n"));
  EXPECT_THAT(text, Not(HasSubstr("With warnings")));
  summary.warned = 2;
  summary.unanswered = 3;
  EXPECT_THAT(batch::summary_text(summary, "r.csv"),
              HasSubstr("\nWith warnings: 2\nNot looked at: 3\nResults"));
}

TEST(Bands, BeginWhereTheGuideSays) {
  const std::vector<std::pair<double, int>> cases = {
      {0, 0}, {0.2999, 0}, {0.3, 1}, {0.4999, 1}, {0.5, 2}, {0.7, 2}, {0.7001, 3}, {1, 3}};
  for (const auto& [probability, band] : cases) EXPECT_EQ(batch::band_of(probability), band);
}

TEST(Bar, TellsHowFarAndHowLong) {
  EXPECT_EQ(batch::bar({200, 0, 54, 3, 60}),
            "[#####---------------] 57/200 studies, 54 ok, 3 failed, 57.0/min, 2:31 left");
  EXPECT_EQ(batch::bar({200, 100, 50, 0, 25}, 4),
            "[###-] 150/200 studies, 50 ok, 0 failed, 2.0/s, 0:25 left");
  EXPECT_EQ(batch::bar({10, 0, 0, 0, 0}, 2), "[--] 0/10 studies, 0 ok, 0 failed");
  EXPECT_THAT(batch::bar({100'000, 0, 1, 0, 1}), HasSubstr("27:46:39 left"));
}

TEST(MakeRow, BelievesNoAnswerWithoutAResult) {
  const ordered_json good = {{"study_uid", "1"},
                             {"series_uid", "2"},
                             {"probability_of_pathology", 0.25},
                             {"pathology", 0},
                             {"most_dangerous_pathology_type", "No significant pathology"},
                             {"processing_status", "Success"},
                             {"time_of_processing", 3}};
  EXPECT_TRUE(batch::make_row(good).success);
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, ordered_json>>{{"probability_of_pathology", nullptr},
                                                         {"probability_of_pathology", 1.5},
                                                         {"probability_of_pathology", "0.2"},
                                                         {"pathology", nullptr},
                                                         {"pathology", 1e300},
                                                         {"pathology", 0.5},
                                                         {"pathology", 2}}) {
    ordered_json bad = good;
    bad[field] = value;
    const Row row = batch::make_row(bad);
    EXPECT_FALSE(row.success) << bad;
    EXPECT_EQ(row.error_code, "bad_answer");
    EXPECT_FALSE(row.probability_of_pathology || row.pathology) << bad;
  }
}

// A fusion can be evaluated on the table again: it lacks no feature, and has none twice.
TEST(MakeRow, TakesEveryFeatureOnce) {
  const ordered_json answer = {
      {"processing_status", "Success"},
      {"probability_of_pathology", 0.25},
      {"pathology", 0},
      {"details",
       {{"probabilities", {{"ctclip", {{"Pneumonia", 0.5}}}, {"supervised", {{"covid", 0.125}}}}},
        {"features",
         {{"ctclip_Pneumonia", 0.5},
          {"ctclip_max_probability", 0.5},
          {"ctclip_top3_mean", 0.5},
          {"diffusion_reconstruction_std", 2},
          {"ctclip_group_lungs_count_high", 1}}}}}};
  const Row row = batch::make_row(answer);
  using Value = std::pair<std::string, double>;
  EXPECT_THAT(row.probabilities,
              ElementsAre(Value("ctclip_Pneumonia", 0.5), Value("supervised_covid", 0.125),
                          Value("ctclip_max_probability", 0.5)));
  EXPECT_THAT(row.features,
              ElementsAre(Value("ctclip_top3_mean", 0.5), Value("diffusion_reconstruction_std", 2),
                          Value("ctclip_group_lungs_count_high", 1)));
}

ordered_json answer_about(const std::string& study_uid, const std::vector<std::string>& in_archive,
                          const std::vector<std::string>& warnings) {
  ordered_json series = ordered_json::array();
  for (const std::string& uid : in_archive) series.push_back({{"study_uid", uid}});
  return {{"study_uid", study_uid},
          {"probability_of_pathology", 0.25},
          {"pathology", 0},
          {"processing_status", "Success"},
          {"details", {{"study", {{"series", series}, {"warnings", warnings}}}}}};
}

TEST(MakeRow, KnowsTheOtherStudiesOfTheArchive) {
  const std::string others = other_studies_warning({"1.1", "1.3"});
  const Row row = batch::make_row(
      answer_about("1.2", {"1.3", "1.2", "1.1", "1.3"}, {others, "A slice was missing."}));
  EXPECT_THAT(row.other_studies, ElementsAre("1.1", "1.3"));
  EXPECT_THAT(row.warnings, ElementsAre("A slice was missing."));
  // What cannot be asked for stays a warning.
  const Row odd = batch::make_row(
      answer_about("1.2", {"1.2", "1&x=y", "1.3"}, {other_studies_warning({"1&x=y", "1.3"})}));
  EXPECT_THAT(odd.other_studies, ElementsAre("1.3"));
  EXPECT_THAT(odd.warnings, ElementsAre(HasSubstr("1 more study, which was not looked at: 1&x=y")));
}

TEST(MakeRow, BelievesNoAnswerAboutAnotherStudy) {
  const Row row = batch::make_row(answer_about("1.2", {"1.2", "1.3"}, {}), "1.3");
  EXPECT_EQ(row.error_code, "bad_answer");
  EXPECT_EQ(row.study_uid, "1.3");
  EXPECT_FALSE(row.success || row.probability_of_pathology);
  EXPECT_TRUE(batch::make_row(answer_about("1.3", {"1.3"}, {}), "1.3").success);
}

TEST(MakeRow, AFailureKeepsItsWarnings) {
  const Row row = batch::make_row({{"processing_status", "Failure"},
                                   {"error_code", "no_lungs"},
                                   {"error", "None."},
                                   {"warnings", {"The bed was dropped.", 7}}});
  EXPECT_THAT(row.warnings, ElementsAre("The bed was dropped."));
}

TEST(MakeRow, ALongTextIsCutBetweenCharacters) {
  std::string reason = "x";
  while (reason.size() < 5'000) reason += "я";
  const Row row = batch::make_row({{"processing_status", "Failure"}, {"error", reason}});
  EXPECT_EQ(row.error.size(), 1'999U);
  EXPECT_TRUE(row.error.ends_with("я"));
}

}  // namespace
}  // namespace ctclip
