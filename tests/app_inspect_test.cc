#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/inspect_report.h"
#include "testing.h"

namespace ctclip::app {
namespace {

using ::ctclip::testing::golden;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

StudyReport examine(const std::string& name, bool any_anatomy) {
  StudyReport report;
  report.any_anatomy = any_anatomy;
  StudyOptions options;
  options.any_anatomy = any_anatomy;
  ThreadPool pool(1);
  Watch watch;
  try {
    load_study(golden("dicom/" + name + ".zip"), options, pool, watch, report.facts);
  } catch (const Error& error) {
    report.error = error;
  }
  return report;
}

TEST(Inspect, TellsSeriesChoiceAndVolumeAsJson) {
  const auto json = report_json(examine("sel1_lung_preferred", true));
  EXPECT_EQ(json["format"], "zip");
  EXPECT_EQ(json["answered"], true);
  EXPECT_EQ(json["series_uid"], "1.2.826.0.1.3680043.10.9999.10");
  ASSERT_EQ(json["series"].size(), 3U);
  EXPECT_EQ(json["series"][0]["chosen"], true);
  EXPECT_EQ(json["series"][0]["kernel_class"], "lung");
  EXPECT_EQ(json["series"][1]["candidate"], true);
  EXPECT_THAT(json["series"][1]["reason"].get<std::string>(), HasSubstr("lung kernel comes first"));
  EXPECT_EQ(json["volume"]["shape"].get<Shape>(), (Shape{25, 4, 4}));
  EXPECT_EQ(json["volume"]["spacing_mm"][0], 3);
  EXPECT_EQ(json["skipped_files"]["hidden"], 1);
  EXPECT_TRUE(json["lungs"].is_null());
  EXPECT_TRUE(json["error_code"].is_null());
}

TEST(Inspect, TellsWhyAStudyIsRefused) {
  const StudyReport report = examine("s12_gantry_tilt", false);
  const auto json = report_json(report);
  EXPECT_EQ(json["answered"], false);
  EXPECT_EQ(json["error_code"], "gantry_tilt");
  EXPECT_TRUE(json["volume"].is_null());
  EXPECT_THAT(report_text(report), AllOf(HasSubstr("Refused"), HasSubstr("21.8 degrees")));
}

TEST(Inspect, ShowsNoNames) {
  const StudyReport report = examine("s01_base", true);
  // The archive's PatientName is Golden^Test.
  EXPECT_THAT(report_text(report),
              AllOf(Not(HasSubstr("Golden")), HasSubstr("30 slices of 64 x 48")));
  EXPECT_THAT(report_json(report).dump(), Not(HasSubstr("Golden")));
}

int run(std::vector<std::string> arguments) {
  CLI::App app;
  Action action;
  add_inspect(app, action);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  ::testing::internal::CaptureStdout();
  const int status = action();
  EXPECT_FALSE(::testing::internal::GetCapturedStdout().empty());
  return status;
}

TEST(Inspect, ExitsWithWhetherTheStudyWouldBeAnswered) {
  const std::string base = golden("dicom/s01_base.zip").string();
  EXPECT_EQ(run({"inspect", base, "--any-anatomy"}), 0);
  EXPECT_EQ(run({"inspect", base, "--json", "--threads", "1"}), 1) << "a ramp has no lungs";
  EXPECT_EQ(run({"inspect", base, "--any-anatomy", "--series", "1.2.3"}), 1);
  EXPECT_THROW(run({"inspect", "/nowhere"}), CLI::ParseError);
}

}  // namespace
}  // namespace ctclip::app
