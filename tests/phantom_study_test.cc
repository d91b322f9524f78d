#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "phantom/dicom_file.h"
#include "phantom/series_writer.h"
#include "phantom/uid.h"
#include "phantom_testing.h"
#include "study/lungs.h"

namespace ctclip::phantom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// The first seed from 1 whose scanner fulfils `wanted`.
template <typename Wanted>
uint64_t seed_of_scanner(const Wanted& wanted) {
  uint64_t seed = 1;
  while (!wanted(scanner_style(seed))) ++seed;
  return seed;
}

std::vector<fs::path> dicom_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".dcm") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string text(DcmFileFormat& file, const DcmTagKey& tag) {
  OFString value;
  file.getDataset()->findAndGetOFStringArray(tag, value);
  return value;
}

class TransferSyntax : public ::testing::TestWithParam<std::string> {};

// Signed with padding and unsigned 12 bits: the codecs treat both differently.
TEST_P(TransferSyntax, BringsEveryVoxelBack) {
  const uint64_t padded = seed_of_scanner([](const ScannerStyle& s) { return s.circular; });
  const uint64_t twelve_bits =
      seed_of_scanner([](const ScannerStyle& s) { return !s.format.is_signed; });
  for (const uint64_t seed : {padded, twelve_bits}) {
    PhantomOptions options = small(seed);
    options.transfer_syntax = GetParam();
    const TempDir folder;
    write(folder.path() / "study", options);
    const Loaded loaded = load(folder.path() / "study");
    const Plan plan = make_plan(options);
    const auto expected = scanned(plan.scene, plan.acquisition, Kernel::lung);
    ASSERT_EQ(loaded.volume.hu.dim(0), std::ssize(expected));
    const float* hu = loaded.volume.hu.data();
    int64_t different = 0;
    for (const auto& slice : expected) {
      for (const int16_t value : slice) {
        different += *hu++ != value;
      }
    }
    EXPECT_EQ(different, 0) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TransferSyntax, ::testing::ValuesIn(transfer_syntaxes()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(PhantomStudy, HasTheTagsOfAScannerAndSaysWhatItIs) {
  const TempDir folder;
  write(folder.path() / "study", small(7));
  std::map<std::string, int64_t> images, series;
  std::set<std::string> uids;
  for (const fs::path& path : dicom_files(folder.path() / "study")) {
    DcmFileFormat file;
    ASSERT_TRUE(file.loadFile(path.c_str()).good()) << path;
    ++images[text(file, DCM_ImageType)];
    ++series[text(file, DCM_SeriesInstanceUID)];
    uids.insert(text(file, DCM_SOPInstanceUID));
    EXPECT_EQ(text(file, DCM_SOPClassUID), UID_CTImageStorage);
    EXPECT_EQ(text(file, DCM_PatientName), "Phantom^Seed 7");
    EXPECT_EQ(text(file, DCM_ImageComments), "synthetic phantom, not a patient");
    EXPECT_THAT(text(file, DCM_SeriesDescription), HasSubstr("synthetic phantom, not a patient"));
    EXPECT_EQ(text(file, DCM_BodyPartExamined), "HEAD");
    for (const DcmTagKey& tag :
         {DCM_KVP, DCM_XRayTubeCurrent, DCM_PixelSpacing, DCM_RescaleSlope, DCM_WindowCenter,
          DCM_FrameOfReferenceUID, DCM_StudyDate, DCM_PatientAge, DCM_Manufacturer}) {
      EXPECT_NE(text(file, tag), "") << tag.toString() << " of " << path;
    }
  }
  const int64_t slices = make_plan(small(7)).acquisition.slices();
  EXPECT_EQ(images["ORIGINAL\\PRIMARY\\LOCALIZER"], 1);
  EXPECT_EQ(images["ORIGINAL\\PRIMARY\\AXIAL"], 2 * slices);
  EXPECT_EQ(std::ssize(uids), 2 * slices + 1) << "every image has its own UID";
  EXPECT_EQ(series.size(), 3U);
}

TEST(PhantomStudy, UidsAreThoseOfUuids) {
  const std::string uid = uid_of("a name");
  EXPECT_EQ(uid, uid_of("a name"));
  EXPECT_NE(uid, uid_of("another name"));
  EXPECT_THAT(uid, ::testing::StartsWith("2.25."));
  EXPECT_LE(uid.size(), 64U);
  EXPECT_EQ(uid.find_first_not_of("0123456789."), std::string::npos);
}

TEST(PhantomStudy, TheLungKernelIsChosenAndTheLocalizerIsNot) {
  const uint64_t makes[] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (const uint64_t seed : makes) {
    const TempDir folder;
    write(folder.path() / "study", small(seed));
    const Loaded loaded = load(folder.path() / "study");
    const Choice& choice = loaded.facts.choice;
    ASSERT_EQ(choice.series.size(), 3U);
    const Series& chosen = choice.series.at(choice.chosen.value());
    EXPECT_EQ(chosen.kernel_class, KernelClass::lung) << chosen.kernel;
    EXPECT_EQ(choice.series[1].kernel_class, KernelClass::standard) << choice.series[1].kernel;
    EXPECT_FALSE(choice.series[2].candidate) << "the localizer";
    EXPECT_THAT(loaded.facts.warnings, ::testing::Not(::testing::Contains(HasSubstr("spacing"))));
  }
}

TEST(PhantomStudy, TheSameSeedGivesTheSameBytes) {
  const TempDir folder;
  PhantomOptions options = small(3, Part::chest);
  options.random_findings = options.motion = options.metal = true;
  write(folder.path() / "one.zip", options, 1);
  write(folder.path() / "two.zip", options, 2);
  options.seed = 4;
  write(folder.path() / "other.zip", options, 2);
  const std::string one = read_file(folder.path() / "one.zip");
  EXPECT_TRUE(one == read_file(folder.path() / "two.zip"));
  EXPECT_FALSE(one == read_file(folder.path() / "other.zip"));
  EXPECT_EQ(read_file(folder.path() / "one.json"), read_file(folder.path() / "two.json"));
}

TEST(PhantomStudy, AnArchiveHoldsWhatAFolderHolds) {
  const TempDir folder;
  write(folder.path() / "study", small(5));
  write(folder.path() / "study.zip", small(5));
  const Loaded files = load(folder.path() / "study"), archive = load(folder.path() / "study.zip");
  EXPECT_EQ(files.facts.contents.slices.size(), archive.facts.contents.slices.size());
  EXPECT_TRUE(std::ranges::equal(files.volume.hu.values(), archive.volume.hu.values()));
}

TEST(PhantomStudy, LungsAreFoundInChestsAndNowhereElse) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    PhantomOptions options = small(seed, Part::chest);
    options.kernels = {Kernel::soft};
    options.random_findings = true;
    const TempDir folder;
    write(folder.path() / "chest", options);
    const Lungs lungs = find_lungs(load(folder.path() / "chest").volume);
    EXPECT_TRUE(lungs.present) << "seed " << seed << ": " << lungs.reason;
    EXPECT_LT(lungs.litres, 9) << "seed " << seed;
    options.random_findings = false;
    for (const Part part : {Part::head, Part::abdomen}) {
      options.part = part;
      write(folder.path() / name_of(part), options);
      EXPECT_FALSE(find_lungs(load(folder.path() / name_of(part)).volume).present)
          << "seed " << seed << ", " << name_of(part);
    }
  }
}

TEST(PhantomStudy, TheTruthSaysWhereTheFindingIs) {
  PhantomOptions options = small(11, Part::chest);
  options.matrix = 192;
  options.thickness = 3;
  options.kernels = {Kernel::soft};
  options.findings = {{"cancer", Side::left, 40.0}};
  const TempDir folder;
  write(folder.path() / "study", options);
  const Volume volume = load(folder.path() / "study").volume;
  const nlohmann::json truth = truth_of(folder.path() / "study");
  EXPECT_EQ(truth.at("pathology"), 1);
  EXPECT_EQ(truth.at("synthetic"), true);
  EXPECT_EQ(truth.at("series").at(0).at("slices"), volume.hu.dim(0));
  const auto& finding = truth.at("findings").at(0);
  EXPECT_EQ(finding.at("name"), "cancer");
  EXPECT_EQ(finding.at("side"), "left");
  const auto& box = finding.at("boxes").at(0);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double first = truth["series"][0]["origin"][axis],
                 step = truth["series"][0]["spacing"][axis];
    EXPECT_NEAR(first + step * box["voxels"]["low"][axis].get<double>(), box["low"][axis],
                0.51 * step);
  }
  EXPECT_GT(box["low"][0], 0) << "left of the middle";
  const auto middle = [&](int axis) {
    return (box["voxels"]["low"][axis].get<int64_t>() +
            box["voxels"]["high"][axis].get<int64_t>()) /
           2;
  };
  const int64_t at = (middle(2) * volume.hu.dim(1) + middle(1)) * volume.hu.dim(2) + middle(0);
  EXPECT_GT(volume.hu.data()[at], -150) << "the middle of the mass is no lung";
}

TEST(PhantomStudy, WhatCannotBeMadeIsAUsageError) {
  const TempDir folder;
  const auto refusal = [&](const auto& change) {
    PhantomOptions options = small(1);
    change(options);
    const auto [code, message] = error_of([&] { write(folder.path() / "study", options); });
    EXPECT_EQ(code, "usage");
    EXPECT_TRUE(fs::is_empty(folder.path())) << message;
    return message;
  };
  EXPECT_THAT(refusal([](auto& o) { o.thickness = 0; }), HasSubstr("0.5 to 10"));
  EXPECT_THAT(refusal([](auto& o) { o.dose = -1; }), HasSubstr("dose"));
  EXPECT_THAT(refusal([](auto& o) { o.matrix = 8; }), HasSubstr("64 to 1024"));
  EXPECT_THAT(refusal([](auto& o) { o.kernels.clear(); }), HasSubstr("kernel"));
  EXPECT_THAT(refusal([](auto& o) { o.transfer_syntax = "gzip"; }), HasSubstr("jpeg2000"));
  EXPECT_THAT(refusal([](auto& o) { o.random_findings = true; }), HasSubstr("chest"));
}

TEST(PhantomStudy, NothingIsWrittenOverOrLeftHalfWritten) {
  const TempDir folder;
  write(folder.path() / "study", small(1));
  const std::string before = read_file(folder.path() / "study" / "truth.json");
  const auto [code, message] = error_of([&] { write(folder.path() / "study", small(2)); });
  EXPECT_EQ(code, "usage");
  EXPECT_THAT(message, HasSubstr((folder.path() / "study").string()));
  EXPECT_EQ(read_file(folder.path() / "study" / "truth.json"), before);

  PhantomOptions unwritable = small(1);
  unwritable.sheet = folder.path() / "missing" / "sheet.png";
  for (const char* name : {"other", "other.zip"}) {
    EXPECT_EQ(error_of([&] { write(folder.path() / name, unwritable); }).first, "internal");
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "only the first study";
}

TEST(PhantomStudy, ASheetIsAPicture) {
  const TempDir folder;
  PhantomOptions options = small(1);
  options.sheet = folder.path() / "sheet.png";
  write(folder.path() / "study", options);
  EXPECT_EQ(read_file(options.sheet).substr(1, 3), "PNG");
}

}  // namespace
}  // namespace ctclip::phantom
