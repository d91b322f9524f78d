// Damaged studies by the thousand: each is answered or refused with a reason, and the process that
// has them read stays as it is.

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "isolation_testing.h"
#include "phantom/dicom_file.h"
#include "phantom_testing.h"
#include "study/nifti.h"
#include "study_testing.h"

namespace ctclip::isolation {
namespace {

using ::ctclip::testing::data_dir;
using ::ctclip::testing::golden;
using ::ctclip::testing::read_file;
using ::ctclip::testing::TempDir;

constexpr int kIsolated = 25;   ///< damaged copies of each study through a reader of their own
constexpr int kTogether = 300;  ///< and in this process, which is quicker and just as telling

IsolatedLoader real_loader() {
  LoaderOptions options;
  options.program = CTCLIP_PROGRAM;
  options.threads = 1;
  options.time = std::chrono::seconds(30);
  return IsolatedLoader(options);
}

/// Small enough that no damaged size makes a study that takes its time.
StudyOptions small_study() {
  StudyOptions options = any_anatomy();
  options.limits.inflated_bytes = 64 << 20;
  options.limits.max_voxels = 16 << 20;
  return options;
}

/// One to four bytes changed, or the end cut off, or a stretch of zeros.
std::string damaged(const std::string& good, std::mt19937& random) {
  std::string bytes = good;
  const std::size_t at = random() % bytes.size();
  switch (random() % 4) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min<std::size_t>(bytes.size() - at, random() % 512), '\0');
      break;
    default:
      for (std::size_t i = 0; i <= random() % 4; ++i) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
  }
  return bytes;
}

/// A phantom of each transfer syntax that has its own path through the codecs.
std::map<std::string, std::string> good_studies() {
  static const std::map<std::string, std::string> all = [] {
    std::map<std::string, std::string> studies;
    const TempDir folder;
    for (const std::string& syntax : phantom::transfer_syntaxes()) {
      phantom::PhantomOptions options = phantom::small(1);
      options.transfer_syntax = syntax;
      const auto path = folder.path() / (syntax + ".zip");
      phantom::write(path, options);
      studies[syntax] = read_file(path);
    }
    const Loaded volume = load_with(load_study, folder.path() / "explicit.zip", any_anatomy());
    write_nifti(folder.path() / "volume.nii.gz", volume.volume);
    studies["nifti"] = read_file(folder.path() / "volume.nii.gz");
    return studies;
  }();
  return all;
}

/// The reasons of what was refused, by how often; fails where a refusal is no clear one.
std::map<Code, int> try_all(const StudyLoader& loader, int copies, std::mt19937::result_type seed) {
  std::map<Code, int> reasons;
  const TempDir folder;
  for (const auto& [name, good] : good_studies()) {
    std::mt19937 random(seed);
    for (int i = 0; i < copies; ++i) {
      testing::write_file(folder.path() / "study", damaged(good, random));
      const Loaded loaded = load_with(loader, folder.path() / "study", small_study());
      if (!loaded.error) {
        EXPECT_GE(loaded.volume.hu.dim(0), 20) << name << " " << i;
        continue;
      }
      ++reasons[loaded.error->code()];
      EXPECT_GT(std::string_view(loaded.error->what()).size(), 20u) << name << " " << i;
      EXPECT_NE(loaded.error->code(), Code::internal) << name << " " << i << loaded.error->what();
    }
  }
  return reasons;
}

TEST(Corruption, TheGoodStudiesAreGood) {
  const IsolatedLoader loader = real_loader();
  EXPECT_EQ(good_studies().size(), phantom::transfer_syntaxes().size() + 1);
  const TempDir folder;
  for (const auto& [name, good] : good_studies()) {
    testing::write_file(folder.path() / "study", good);
    const Loaded loaded = load_with(loader, folder.path() / "study", small_study());
    EXPECT_FALSE(loaded.error) << name << ": " << loaded.error->what();
  }
}

TEST(Corruption, DamagedStudiesAreAnsweredOrRefusedByAReader) {
  const auto reasons = try_all(real_loader(), kIsolated, 1);
  // A reader that crashes is contained, and still an error of the program to be mended.
  EXPECT_EQ(reasons.count(Code::read_crashed), 0u);
  EXPECT_EQ(reasons.count(Code::read_timeout), 0u);
  EXPECT_EQ(reasons.count(Code::read_out_of_memory), 0u);
  EXPECT_GE(reasons.size(), 3u) << "the damage reaches one part of the program only";
}

TEST(Corruption, DamagedStudiesAreAnsweredOrRefusedInThisProcess) {
  const auto reasons = try_all(load_study, kTogether, 2);
  EXPECT_GE(reasons.size(), 4u) << "the damage reaches one part of the program only";
}

TEST(Corruption, MalformedFilesOfOthersAreRefused) {
  CTCLIP_NEEDS_DATA();
  const IsolatedLoader loader = real_loader();
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(data_dir() / "malformed")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const Loaded loaded = load_with(loader, entry.path());
    ASSERT_TRUE(loaded.error) << entry.path();
    EXPECT_NE(loaded.error->code(), Code::read_crashed) << entry.path();
    EXPECT_NE(loaded.error->code(), Code::internal) << entry.path();
  }
  EXPECT_GE(files, 20);
}

}  // namespace
}  // namespace ctclip::isolation
