#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "app/inspect_report.h"
#include "study/study.h"
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

}  // namespace
}  // namespace ctclip::app
