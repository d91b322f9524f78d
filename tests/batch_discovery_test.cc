#include <gmock/gmock.h>

#include <filesystem>

#include "batch_testing.h"

namespace ctclip {
namespace {

using ::testing::ElementsAre;
using testing::grouped;
using testing::Grouped;
using ::testing::IsEmpty;
using testing::slice_of;
using testing::write_file;

namespace fs = std::filesystem;

class Discovery : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& bytes) {
    write_file(folder_.path() / name, bytes);
  }
  void put_slices(const std::string& folder, const std::string& uid, int count) {
    for (int i = 0; i < count; ++i) {
      put(folder + "/IM" + std::to_string(i), slice_of(uid, uid + "." + std::to_string(i)));
    }
  }
  Grouped find() const { return grouped(folder_.path()); }

  testing::TempDir folder_;
};

const std::string kZip = "PK\x03\x04 and more";

TEST_F(Discovery, FindsArchivesVolumesAndFoldersInTheOrderOfTheirPaths) {
  put("b.zip", kZip);
  put("a/late.ZIP", kZip);
  put("volume.nii", std::string(400, 'x'));
  put_slices("c/deep/er", "1.2.3", 3);
  const Grouped found = find();
  EXPECT_THAT(found.paths, ElementsAre("a/late.ZIP", "b.zip", "c/deep/er", "volume.nii"));
  EXPECT_THAT(found.files[2], ElementsAre("c/deep/er/IM0", "c/deep/er/IM1", "c/deep/er/IM2"));
}

TEST_F(Discovery, WhatIsNamedLikeAStudyIsOne) {
  for (const char* name : {"text.zip", "empty.zip", "bad.nii", "bad.nii.gz", "bad.dcm"}) {
    put(name, name[0] == 'e' ? "" : "text");
  }
  EXPECT_THAT(find().paths,
              ElementsAre("bad.dcm", "bad.nii", "bad.nii.gz", "empty.zip", "text.zip"));
}

TEST_F(Discovery, PassesOverWhatIsNone) {
  put("results.xlsx", kZip);
  put("notes.txt", "text");
  put("README", "text");
  put(".hidden.zip", kZip);
  put(".git/a.zip", kZip);
  put("__MACOSX/a.zip", kZip);
  put("DICOMDIR", slice_of("1.2", "1.2.1"));
  put("export", kZip);  // a ZIP without an ending
  const Grouped found = find();
  EXPECT_THAT(found.paths, ElementsAre("export"));
  EXPECT_EQ(found.found.files, 1);
  EXPECT_EQ(found.found.passed_over, 3);
}

TEST_F(Discovery, OneStudyInSeveralFoldersIsOne) {
  put_slices("patient/series1", "1.2.3", 2);
  put_slices("patient/series2", "1.2.3", 2);
  put_slices("patient-b/series1", "1.2.4", 1);
  const Grouped found = find();
  EXPECT_THAT(found.paths, ElementsAre("patient", "patient-b/series1"));
  EXPECT_EQ(found.files[0].size(), 4U);
}

TEST_F(Discovery, StudiesThatShareAFolderAreNamedByTheirFirstFiles) {
  put("mixed/1", slice_of("1.2.3", "1"));
  put("mixed/2", slice_of("1.2.4", "2"));
  put("mixed/3", slice_of("1.2.3", "3"));
  const Grouped found = find();
  EXPECT_THAT(found.paths, ElementsAre("mixed/1", "mixed/2"));
  EXPECT_THAT(found.files[0], ElementsAre("mixed/1", "mixed/3"));
}

TEST_F(Discovery, AFolderWithAnArchiveBesideTheSlicesIsNotTheirs) {
  put_slices("a", "1.2.3", 2);
  put("a/b.zip", kZip);
  EXPECT_THAT(find().paths, ElementsAre("a/IM0", "a/b.zip"));
}

TEST_F(Discovery, TheInputItselfMayBeAStudy) {
  put("1", slice_of("1.2.3", "1"));
  put("2", slice_of("1.2.3", "2"));
  EXPECT_THAT(find().paths, ElementsAre("."));
}

TEST_F(Discovery, StraysGoWithTheOnlyStudyBesideThem) {
  put_slices("one", "1.2.3", 2);
  put("one/broken.dcm", "text");
  put("one/nameless", slice_of("", "9"));
  const Grouped found = find();
  EXPECT_THAT(found.paths, ElementsAre("one"));
  EXPECT_EQ(found.files[0].size(), 4U);
}

TEST_F(Discovery, StraysBetweenTwoStudiesAreARowOfTheirOwn) {
  put("two/1", slice_of("1.2.3", "1"));
  put("two/2", slice_of("1.2.4", "2"));
  put("two/broken.dcm", "text");
  EXPECT_THAT(find().paths, ElementsAre("two/1", "two/2", "two/broken.dcm"));
}

TEST_F(Discovery, FollowsLinksToFilesAndNotToFolders) {
  put("kept/a.zip", kZip);
  fs::create_symlink(folder_.path() / "kept/a.zip", folder_.path() / "b.zip");
  fs::create_directory_symlink(folder_.path(), folder_.path() / "loop");
  fs::create_symlink(folder_.path() / "gone", folder_.path() / "c.zip");
  EXPECT_THAT(find().paths, ElementsAre("b.zip", "kept/a.zip"));
}

TEST_F(Discovery, EveryShardHasItsOwnAndTogetherTheyHaveAll) {
  constexpr int kStudies = 300, kShards = 4;
  for (int i = 0; i < kStudies; ++i) put("study" + std::to_string(i) + ".zip", kZip);
  std::vector<std::string> together;
  for (int i = 1; i <= kShards; ++i) {
    const auto part = grouped(folder_.path(), {i, kShards}).paths;
    // Binomial with p = 1/4: mean 75, deviation 7.5; five deviations.
    EXPECT_NEAR(static_cast<double>(part.size()), 75, 38) << i;
    together.insert(together.end(), part.begin(), part.end());
  }
  std::ranges::sort(together);
  EXPECT_EQ(together, find().paths);
}

TEST_F(Discovery, AnInputThatIsNotThereIsRefused) {
  batch::Index index;
  EXPECT_THROW(batch::discover(folder_.path() / "gone", {}, index, {}, {}), Error);
}

TEST(Shard, IsReadAsWritten) {
  EXPECT_EQ(batch::parse_shard("2/4"), (batch::Shard{2, 4}));
  for (const char* bad : {"", "2", "0/4", "5/4", "2/", "/4", "a/b", "2/4x", "-1/4", "1/0"}) {
    EXPECT_THROW(batch::parse_shard(bad), Error) << bad;
  }
}

TEST(Shard, IsTheSameOnEveryMachine) {
  // Worked out apart from the program (Python): it must never change, or a resumed array loses
  // rows.
  EXPECT_TRUE(batch::in_shard("a.zip", {2, 7}));
  EXPECT_TRUE(batch::in_shard("folder/b.zip", {2, 7}));
}

TEST(AsText, KeepsUtf8AndShowsWhatIsNone) {
  EXPECT_EQ(batch::as_text("Иванов.zip"), "Иванов.zip");
  EXPECT_EQ(batch::as_text("a\xff\xfe.zip"), "a\\xFF\\xFE.zip");
}

}  // namespace
}  // namespace ctclip
