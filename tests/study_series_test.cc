#include "study/series.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "study/slice_header.h"
#include "study_slices.h"

namespace ctclip {
namespace {

using ::ctclip::testing::append;
using ::ctclip::testing::make_series;
using ::ctclip::testing::make_slice;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Choice choose(const Contents& contents, const std::string& uid = "") {
  return choose_series(contents, Limits(), uid);
}

std::string chosen_uid(const Contents& contents) {
  const Choice choice = choose(contents);
  return choice.chosen ? choice.series[*choice.chosen].series_uid : "";
}

Error refusal_of(const Contents& contents, const std::string& uid = "") {
  return choose(contents, uid).refusal.value_or(Error(Code::internal, "it was not refused"));
}

Contents with_kernel(int count, const std::string& series_uid,
                     const std::vector<std::string>& kernel, const std::string& filter = "") {
  Contents contents = make_series(count, 2, series_uid);
  for (Slice& slice : contents.slices) {
    slice.convolution_kernel = kernel;
    slice.filter_type = filter;
  }
  return contents;
}

template <typename Change>
Contents changed(Contents contents, const Change& change) {
  for (Slice& slice : contents.slices) change(slice);
  return contents;
}

KernelClass classify(const std::vector<std::string>& kernel, const std::string& filter = "") {
  return classify_kernel(kernel, filter);
}

TEST(ClassifyKernel, KnowsTheNamesThatDeploymentsAreUsedTo) {
  for (const char* name : {"LUNG", "Lung", "B70f", "B80s", "FC51", "FC81", "XLUNGX"}) {
    EXPECT_EQ(classify({name}), KernelClass::lung) << name;
  }
  for (const char* name : {"STANDARD", "Standard", "B30f", "B31s", "FC30"}) {
    EXPECT_EQ(classify({name}), KernelClass::standard) << name;
  }
  for (const char* name : {"BONE", "BONEPLUS", "Br40", "B50f", "FC08", "", "CHEST"}) {
    EXPECT_EQ(classify({name}), KernelClass::other) << name;
  }
}

TEST(ClassifyKernel, KnowsTheNamesOfNewerScanners) {
  for (const char* name : {"Bl57", "Bl64", "I70f", "FC55", "L"}) {
    EXPECT_EQ(classify({name}), KernelClass::lung) << name;
  }
  for (const char* name : {"Br36", "Qr36", "I31f", "FC13", "B"}) {
    EXPECT_EQ(classify({name}), KernelClass::standard) << name;
  }
}

TEST(ClassifyKernel, SearchesEveryValueAndFallsBackOnFilterType) {
  EXPECT_EQ(classify({"Br40f", "LUNG"}), KernelClass::lung);
  EXPECT_EQ(classify({"Bl57f", "2"}), KernelClass::lung);
  EXPECT_EQ(classify({}, "Lung filter"), KernelClass::lung);
  EXPECT_EQ(classify({" "}, "LUNG"), KernelClass::lung);
  EXPECT_EQ(classify({"BONE"}, "LUNG"), KernelClass::other) << "only where there is no kernel";
}

TEST(ChooseSeries, PrefersLungThenStandardThenOtherKernels) {
  Contents contents = with_kernel(60, "12", {"BONE"});
  EXPECT_EQ(chosen_uid(contents), "12");
  append(contents, with_kernel(40, "11", {"STANDARD"}));
  EXPECT_EQ(chosen_uid(contents), "11");
  append(contents, with_kernel(25, "10", {"LUNG"}));
  EXPECT_EQ(chosen_uid(contents), "10");
}

TEST(ChooseSeries, TakesMostSlicesAndThenTheSmallerUid) {
  Contents contents = with_kernel(25, "3", {"LUNG"});
  append(contents, with_kernel(30, "5", {"B70f"}));
  append(contents, with_kernel(30, "4", {"FC51"}));
  const Choice choice = choose(contents);
  ASSERT_EQ(choice.series.size(), 3U);
  EXPECT_EQ(choice.series[0].series_uid, "4");
  EXPECT_TRUE(choice.series[0].chosen);
  EXPECT_THAT(choice.series[0].reason, HasSubstr("Chosen: lung kernel FC51, 30 slices"));
  EXPECT_THAT(choice.series[1].reason, HasSubstr("smaller UID"));
  EXPECT_THAT(choice.series[2].reason, HasSubstr("more slices (30)"));
}

TEST(ChooseSeries, NeverDependsOnTheOrderOfTheFiles) {
  Contents contents = with_kernel(30, "5", {"B70f"});
  append(contents, with_kernel(30, "4", {"B70f"}));
  append(contents, with_kernel(40, "6", {"BONE"}));
  // Duplicates of both kinds, a stray, and one slice of another kernel.
  contents.slices.push_back(contents.slices[7]);
  contents.slices.push_back(make_slice(-50, "4.0999", "4"));
  contents.slices.push_back(make_slice(-20, "4.5000", "4"));
  contents.slices.back().rows = 9;
  const Choice expected = choose(contents);
  const auto names = [](const Contents& all, const Series& series) {
    std::vector<std::string> uids;
    for (std::size_t i : series.slices) uids.push_back(all.slices[i].sop_uid);
    return uids;
  };
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Contents shuffled = contents;
    std::shuffle(shuffled.slices.begin(), shuffled.slices.end(), random);
    const Choice found = choose(shuffled);
    ASSERT_EQ(found.chosen, expected.chosen);
    for (std::size_t i = 0; i < expected.series.size(); ++i) {
      EXPECT_EQ(found.series[i].series_uid, expected.series[i].series_uid);
      EXPECT_EQ(found.series[i].reason, expected.series[i].reason);
      EXPECT_EQ(names(shuffled, found.series[i]), names(contents, expected.series[i]));
    }
    EXPECT_EQ(found.warnings, expected.warnings);
  }
}

TEST(ChooseSeries, TakesTheSeriesThatIsAskedFor) {
  Contents contents = with_kernel(30, "5", {"B70f"});
  append(contents, with_kernel(40, "6", {"BONE"}));
  append(contents, with_kernel(10, "7", {"LUNG"}));
  const Choice choice = choose(contents, "6");
  ASSERT_TRUE(choice.chosen);
  EXPECT_EQ(choice.series[*choice.chosen].series_uid, "6");
  EXPECT_THAT(choice.series[*choice.chosen].reason, HasSubstr("as asked for"));
  EXPECT_EQ(refusal_of(contents, "8").code(), Code::series_not_found);
  const Error too_few = refusal_of(contents, "7");
  EXPECT_EQ(too_few.code(), Code::series_not_found);
  EXPECT_THAT(too_few.what(), HasSubstr("10 valid slices"));
}

TEST(ChooseSeries, DropsDuplicatesAndSaysSo) {
  Contents contents = make_series(25);
  contents.slices.push_back(contents.slices[3]);                 // the same image once more
  contents.slices.push_back(make_slice(-50 + 2 * 5, "2.9999"));  // another one at a position
  const Choice choice = choose(contents);
  ASSERT_TRUE(choice.chosen);
  const Series& series = choice.series.front();
  EXPECT_EQ(series.slices.size(), 25U);
  EXPECT_EQ(series.duplicates, 2);
  EXPECT_THAT(series.slices, ::testing::Not(::testing::Contains(26U))) << "the larger UID goes";
  EXPECT_THAT(choice.warnings,
              ElementsAre(HasSubstr("1 image at the position of another"),
                          HasSubstr("1 image with the SOPInstanceUID of another")));
}

TEST(ChooseSeries, RefusesTwoPhasesInOneSeries) {
  Contents contents = make_series(25);
  for (int i = 0; i < 25; ++i) {
    contents.slices.push_back(make_slice(-50 + i * 2, "2.5" + std::to_string(100 + i)));
  }
  const Error error = refusal_of(contents);
  EXPECT_EQ(error.code(), Code::inconsistent_geometry);
  EXPECT_THAT(error.what(), HasSubstr("25 of 25 positions"));
}

TEST(ChooseSeries, FramesOfOneFileAreNoDuplicates) {
  Contents contents = make_series(30);
  for (int i = 0; i < 30; ++i) {
    contents.slices[static_cast<std::size_t>(i)].sop_uid = "2.1";
    contents.slices[static_cast<std::size_t>(i)].frame = i;
  }
  EXPECT_EQ(choose(contents).series.front().slices.size(), 30U);
}

TEST(ChooseSeries, LeavesOutAtMostThreeStrays) {
  Contents contents = make_series(25);
  for (int i = 0; i < 3; ++i) {
    contents.slices.push_back(make_slice(40, "2.8" + std::to_string(i)));
    contents.slices.back().orientation = {1, 0, 0, 0, 0, -1};
  }
  const Choice choice = choose(contents);
  ASSERT_TRUE(choice.chosen);
  EXPECT_EQ(choice.series.front().slices.size(), 25U);
  EXPECT_EQ(choice.series.front().invalid, 3);
  EXPECT_THAT(choice.warnings, ElementsAre(HasSubstr("3 images of another size or orientation")));
  contents.slices.push_back(make_slice(44, "2.9"));
  contents.slices.back().columns = 99;
  EXPECT_EQ(refusal_of(contents).code(), Code::inconsistent_geometry);
}

struct BadSeries {
  const char* name;
  Code code;
  const char* says;
  void (*spoil)(Slice&);
};

class BadSeriesTest : public ::testing::TestWithParam<BadSeries> {};

TEST_P(BadSeriesTest, IsNoCandidate) {
  const Contents bad = changed(make_series(30), GetParam().spoil);
  const Error error = refusal_of(bad);
  EXPECT_EQ(error.code(), GetParam().code) << error.what();
  EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
  // Beside a good one it does no harm.
  Contents both = bad;
  append(both, make_series(20, 2, "9"));
  EXPECT_EQ(chosen_uid(both), "9");
}

INSTANTIATE_TEST_SUITE_P(
    ChooseSeries, BadSeriesTest,
    ::testing::Values(
        BadSeries{"Mr", Code::not_ct, "modality is MR", [](Slice& s) { s.modality = "MR"; }},
        BadSeries{"Localizer", Code::no_axial_series, "a localizer",
                  [](Slice& s) {
                    s.image_type = {"ORIGINAL", "PRIMARY", "LOCALIZER"};
                  }},
        BadSeries{"Scout", Code::no_axial_series, "a localizer",
                  [](Slice& s) {
                    s.image_type = {"ORIGINAL", "PRIMARY", "SCOUT"};
                  }},
        BadSeries{"ScreenCapture", Code::no_axial_series, "no CT image",
                  [](Slice& s) { s.sop_class_uid = "1.2.840.10008.5.1.4.1.1.7"; }},
        BadSeries{"Secondary", Code::no_axial_series, "derived secondary",
                  [](Slice& s) {
                    s.image_type = {"DERIVED", "SECONDARY", "REFORMATTED"};
                  }},
        BadSeries{"NoStudyUid", Code::missing_uid, "no StudyInstanceUID",
                  [](Slice& s) {
                    s.study_uid.clear();
                    s.defect = missing_uid(s);
                  }},
        BadSeries{"Mip", Code::no_axial_series, "derived secondary",
                  [](Slice& s) {
                    s.image_type = {"DERIVED", "PRIMARY", "AXIAL", "MIP"};
                  }},
        BadSeries{"Projection", Code::no_axial_series, "derived secondary",
                  [](Slice& s) {
                    s.image_type = {"DERIVED", "PRIMARY", "VOLUME", "MAX_IP"};
                  }},
        BadSeries{"Colour", Code::no_axial_series, "colour",
                  [](Slice& s) { s.samples_per_pixel = 3; }},
        BadSeries{"Sagittal", Code::no_axial_series, "not axial",
                  [](Slice& s) { s.orientation = {0, 1, 0, 0, 0, -1}; }},
        BadSeries{"Coronal", Code::no_axial_series, "not axial",
                  [](Slice& s) { s.orientation = {1, 0, 0, 0, 0, -1}; }},
        BadSeries{"Oblique", Code::no_axial_series, "not axial",
                  [](Slice& s) { s.orientation = {1, 0, 0, 0, 0.927, -0.375}; }},  // 22 degrees
        BadSeries{"Turned", Code::no_axial_series, "not axial",
                  [](Slice& s) { s.orientation = {0.8, 0.6, 0, -0.6, 0.8, 0}; }},
        BadSeries{"Defects", Code::too_few_slices, "no SeriesInstanceUID",
                  [](Slice& s) { s.defect = "no SeriesInstanceUID"; }},
        BadSeries{"NoPosition", Code::missing_geometry, "no ImagePositionPatient",
                  [](Slice& s) { s.position.reset(); }},
        BadSeries{"NoOrientation", Code::missing_geometry, "no ImageOrientationPatient",
                  [](Slice& s) { s.orientation.reset(); }},
        BadSeries{"NoSpacing", Code::missing_geometry, "no PixelSpacing",
                  [](Slice& s) { s.pixel_spacing.reset(); }},
        BadSeries{"ZeroSpacing", Code::missing_geometry, "PixelSpacing makes no sense",
                  [](Slice& s) {
                    s.pixel_spacing = {0, 0.7};
                  }},
        BadSeries{"NanSpacing", Code::missing_geometry, "PixelSpacing makes no sense",
                  [](Slice& s) {
                    s.pixel_spacing = {0.7, std::nan("")};
                  }},
        BadSeries{"NanPosition", Code::missing_geometry, "ImagePositionPatient makes no sense",
                  [](Slice& s) {
                    s.position = {0, 0, std::nan("")};
                  }},
        BadSeries{"ZeroOrientation", Code::missing_geometry,
                  "ImageOrientationPatient makes no sense",
                  [](Slice& s) { s.orientation = {0, 0, 0, 0, 0, 0}; }},
        BadSeries{"Absurd", Code::image_too_large, "at most 4096",
                  [](Slice& s) { s.rows = s.columns = 65535; }}),
    [](const auto& info) { return info.param.name; });

TEST(ChooseSeries, AcceptsWhatIsDerivedButPrimary) {
  const Contents contents = changed(make_series(30), [](Slice& s) {
    s.image_type = {"DERIVED", "PRIMARY", "VOLUME", "NONE"};
    s.sop_class_uid = "1.2.840.10008.5.1.4.1.1.2.2";
  });
  EXPECT_EQ(chosen_uid(contents), "2");
}

TEST(ChooseSeries, AcceptsEighteenDegreesAndAnyTurnByNinety) {
  for (const std::array<double, 6>& orientation :
       {std::array<double, 6>{1, 0, 0, 0, 0.9510565, 0.309017},
        {0, 1, 0, -1, 0, 0},
        {-1, 0, 0, 0, -1, 0},
        {0, -1, 0, -1, 0, 0}}) {
    const Contents contents =
        changed(make_series(30), [&](Slice& s) { s.orientation = orientation; });
    EXPECT_EQ(chosen_uid(contents), "2");
  }
}

TEST(ChooseSeries, CountsItsSlicesAgainstBothLimits) {
  const Error few = refusal_of(make_series(19));
  EXPECT_EQ(few.code(), Code::too_few_slices);
  EXPECT_THAT(few.what(), HasSubstr("19 valid slices, at least 20"));
  EXPECT_EQ(chosen_uid(make_series(20)), "2");
  Limits limits;
  limits.max_slices = 25;
  EXPECT_FALSE(choose_series(make_series(25), limits, "").refusal);
  EXPECT_EQ(choose_series(make_series(26), limits, "").refusal->code(), Code::too_many_slices);
}

TEST(ChooseSeries, SaysWhatWasSkippedWhereThereIsNothing) {
  Contents contents;
  contents.not_dicom = 3;
  contents.dicomdir = 1;
  const Error error = refusal_of(contents);
  EXPECT_EQ(error.code(), Code::no_dicom);
  EXPECT_THAT(error.what(), HasSubstr("1 DICOMDIR, 3 that are no DICOM"));
  EXPECT_EQ(refusal_of(contents, "5").code(), Code::no_dicom);
}

TEST(ChooseSeries, RefusesForTheSeriesThatCameClosest) {
  Contents contents = changed(make_series(40, 2, "7"), [](Slice& s) { s.modality = "MR"; });
  append(contents, make_series(12, 2, "8"));
  EXPECT_EQ(refusal_of(contents).code(), Code::too_few_slices);
  // Colour images have a defect as well, but are no CT series that came close.
  append(contents, changed(make_series(300, 2, "6"), [](Slice& s) {
           s.samples_per_pixel = 3;
           s.defect = "3 samples per pixel: a colour image";
         }));
  EXPECT_THAT(refusal_of(contents).what(), HasSubstr("12 valid slices"));
}

TEST(ChooseSeries, WarnsOfOtherStudiesAndOfAnotherBodyPart) {
  Contents contents = make_series(30);
  append(contents, changed(make_series(25, 2, "7"), [](Slice& s) { s.study_uid = "99"; }));
  for (Slice& slice : contents.slices) slice.body_part = "HEAD";
  EXPECT_THAT(choose(contents).warnings,
              ElementsAre(HasSubstr("1 more study, which was not looked at: 99"),
                          HasSubstr("BodyPartExamined says HEAD")));
  for (Slice& slice : contents.slices) {
    slice.body_part = "CHESTABDPELVIS";
    slice.study_uid = "1";
  }
  EXPECT_THAT(choose(contents).warnings, IsEmpty());
}

TEST(ChooseSeries, TakesTheStudyThatWasAskedFor) {
  Contents contents = make_series(30);
  append(contents, changed(make_series(25, 2, "7"), [](Slice& s) { s.study_uid = "99"; }));
  append(contents, changed(make_series(9, 2, "8"), [](Slice& s) { s.study_uid = "98"; }));
  const auto asked = [&](const std::string& study, const std::string& series = "") {
    return choose_series(contents, Limits(), series, study);
  };
  const Choice choice = asked("99");
  ASSERT_TRUE(choice.chosen);
  EXPECT_EQ(choice.series[*choice.chosen].series_uid, "7");
  EXPECT_THAT(choice.warnings, IsEmpty()) << "it was asked for: nothing is left to be said";
  EXPECT_EQ(choice.series.size(), 3U);
  EXPECT_THAT(choice.series[1].reason, HasSubstr("another study was asked for"));
  EXPECT_EQ(asked("98").refusal->code(), Code::too_few_slices);
  EXPECT_EQ(asked("97").refusal->code(), Code::series_not_found);
  EXPECT_THAT(asked("99", "2").refusal->what(), HasSubstr("another study was asked for"));
  EXPECT_EQ(choose_series({}, Limits(), "", "99").refusal->code(), Code::no_dicom);
}

TEST(ChooseSeries, WarnsOfImagesThatBelongToNoStudy) {
  Contents contents = make_series(30);
  append(contents, changed(make_series(2, 2, "7"), [](Slice& s) { s.study_uid.clear(); }));
  EXPECT_THAT(choose(contents).warnings,
              ElementsAre("2 images without a StudyInstanceUID were not looked at."));
}

TEST(ChooseSeries, NamesAtMostTenOtherStudies) {
  const std::vector<std::string> others = other_studies({"3", "1", "", "2", "3"}, "2");
  EXPECT_THAT(others, ElementsAre("1", "3"));
  EXPECT_EQ(other_studies_warning({}), "");
  EXPECT_EQ(other_studies_warning(others),
            "The archive holds 2 more studies, which were not looked at: 1, 3.");
  EXPECT_THAT(other_studies_warning(std::vector<std::string>(11, "4")), HasSubstr("4, ...."));
}

}  // namespace
}  // namespace ctclip
