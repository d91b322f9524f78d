// The program's own reader, started as the service starts it.

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <seccomp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "isolation_testing.h"
#include "refusal.h"
#include "study/nifti.h"
#include "study_testing.h"

namespace ctclip::isolation {
namespace {

using ::ctclip::testing::data_dir;
using ::ctclip::testing::golden;
using ::ctclip::testing::refusal;
using ::ctclip::testing::TempDir;

LoaderOptions real_reader() {
  LoaderOptions options;
  options.program = CTCLIP_PROGRAM;
  options.threads = 2;
  return options;
}

/// Volume, facts, stages, error and its words: all as in this process, bit for bit.
void expect_same(const IsolatedLoader& loader, const std::filesystem::path& study,
                 const StudyOptions& options = {}) {
  SCOPED_TRACE(study);
  const Loaded here = load_with(load_study, study, options);
  const Loaded there = load_with(loader, study, options);
  EXPECT_EQ(code_of(there), code_of(here));
  if (here.error && there.error) {
    EXPECT_STREQ(there.error->what(), here.error->what());
  }
  EXPECT_EQ(pack(there.facts), pack(here.facts));
  EXPECT_EQ(there.stages, here.stages);
  EXPECT_EQ(there.volume.spacing, here.volume.spacing);
  EXPECT_EQ(there.volume.to_patient, here.volume.to_patient);
  ASSERT_EQ(there.volume.hu.shape(), here.volume.hu.shape());
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(there.volume.hu.values()),
                                 std::as_bytes(here.volume.hu.values())));
}

TEST(IsolatedLoader, FiltersSystemCallsHere) {
  EXPECT_TRUE(IsolatedLoader(real_reader()).filtered());
}

TEST(IsolatedLoader, AReaderStartsNoReaders) {
  setenv("CTCLIP_READER", "1", 1);
  EXPECT_EQ(refusal([] { IsolatedLoader loader(real_reader()); }), Code::internal);
  unsetenv("CTCLIP_READER");
}

TEST(IsolatedLoader, AFolderIsReadToo) {
  const StudyLoader loader = loader_of_files_and_folders(real_reader());
  const Loaded nothing = load_with(loader, golden("dicom") / "nowhere.zip");
  EXPECT_EQ(code_of(nothing), code_of(load_with(load_study, golden("dicom") / "nowhere.zip")));
  const Loaded folder = load_with(loader, golden("dicom"), any_anatomy());
  const Loaded here = load_with(load_study, golden("dicom"), any_anatomy());
  EXPECT_EQ(code_of(folder), code_of(here));
  EXPECT_EQ(folder.facts.format, "folder");
}

TEST(IsolatedLoader, GoldenStudiesAreReadAsInThisProcess) {
  const IsolatedLoader loader(real_reader());
  int studies = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden("dicom"))) {
    if (entry.path().extension() != ".zip") continue;
    expect_same(loader, entry.path(), any_anatomy());
    ++studies;
  }
  EXPECT_GE(studies, 30);
  expect_same(loader, golden("dicom/s01_base.zip"));  // no lungs: refused with its numbers
}

TEST(IsolatedLoader, NiftiIsReadAsInThisProcess) {
  const IsolatedLoader loader(real_reader());
  const TempDir folder;
  const auto compressed = golden("preprocess/vol_a_120x110x37.nii.gz");
  expect_same(loader, compressed, any_anatomy());
  const Loaded volume = load_with(load_study, compressed, any_anatomy());
  ASSERT_FALSE(volume.error);
  write_nifti(folder.path() / "plain.nii", volume.volume);
  expect_same(loader, folder.path() / "plain.nii", any_anatomy());
  testing::write_file(folder.path() / "cut.nii",
                      testing::read_file(folder.path() / "plain.nii").substr(0, 9'000));
  expect_same(loader, folder.path() / "cut.nii", any_anatomy());
}

TEST(IsolatedLoader, RefusalsHaveTheirOwnWords) {
  const IsolatedLoader loader(real_reader());
  const TempDir folder;
  const auto file = [&](const std::string& name, const std::string& bytes) {
    testing::write_file(folder.path() / name, bytes);
    return folder.path() / name;
  };
  const std::string good = testing::read_file(golden("dicom/s01_base.zip"));
  expect_same(loader, file("empty", ""));
  expect_same(loader, file("text", "no study"));
  expect_same(loader, file("cut.zip", good.substr(0, good.size() / 2)));
  expect_same(loader, file("absent", "") / "below");
  StudyOptions another = any_anatomy();
  another.series_uid = "1.2.3.4";
  expect_same(loader, golden("dicom/s01_base.zip"), another);
  StudyOptions few = any_anatomy();
  few.limits.entries = 5;
  expect_same(loader, golden("dicom/s01_base.zip"), few);
  testing::write_zip(folder.path() / "locked.zip", {{"a", "text"}}, "secret");
  expect_same(loader, folder.path() / "locked.zip");
}

TEST(IsolatedLoader, RealStudiesAreReadAsInThisProcess) {
  CTCLIP_NEEDS_DATA();
  const IsolatedLoader loader(real_reader());
  expect_same(loader, data_dir() / "chest_nlst_jpegls.zip");
  expect_same(loader, data_dir() / "head_tilted_uneven.zip");
  for (const char* folder : {"transfer_syntaxes", "malformed"}) {
    for (const auto& entry : std::filesystem::directory_iterator(data_dir() / folder)) {
      expect_same(loader, entry.path());
    }
  }
}

TEST(IsolatedLoader, MoreMemoryThanItMayIsARefusal) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const TempDir folder;
  Volume large;
  large.hu = Tensor::zeros({512, 512, 512});  // half a gigabyte of float32
  large.spacing = {1, 1, 1};
  large.to_patient = {0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0};
  write_nifti(folder.path() / "large.nii.gz", large);
  LoaderOptions options = real_reader();
  options.memory = uint64_t{64} << 20;
  const Loaded loaded =
      load_with(IsolatedLoader(options), folder.path() / "large.nii.gz", any_anatomy());
  EXPECT_EQ(code_of(loaded), Code::read_out_of_memory);
  EXPECT_TRUE(loaded.facts.series_uid.empty());
#else
  GTEST_SKIP() << "a sanitizer's address space cannot be bounded";
#endif
}

TEST(IsolatedLoader, TimeIsUpBeforeAnythingIsRead) {
  LoaderOptions options = real_reader();
  options.time = std::chrono::milliseconds(1);
  const Loaded loaded = load_with(IsolatedLoader(options), golden("dicom/s01_base.zip"));
  EXPECT_EQ(code_of(loaded), Code::read_timeout);
}

std::size_t descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

bool has_children() { return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

std::size_t mappings_of_volumes() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += line.find("ctclip-volume") != std::string::npos ? 1 : 0;
  }
  return count;
}

TEST(IsolatedLoader, NothingIsLeftOf200Studies) {
  const IsolatedLoader loader(real_reader());
  const std::size_t before = descriptors();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const char* name = i % 2 == 0 ? "dicom/s01_base.zip" : "dicom/s12_gantry_tilt.zip";
        const Loaded loaded = load_with(loader, golden(name), any_anatomy());
        EXPECT_EQ(loaded.error.has_value(), i % 2 == 1);
        if (!loaded.error) {
          EXPECT_GT(mappings_of_volumes(), 0u) << "the count sees none at all";
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(descriptors(), before);
  EXPECT_FALSE(has_children());
  EXPECT_EQ(mappings_of_volumes(), 0u);
}

TEST(IsolatedLoader, AReaderHasNothingOfTheServicesDescriptors) {
  // One that is not closed on exec, as a library opens them; the reader may not have more than 16.
  std::vector<Descriptor> leaky;
  for (int i = 0; i < 64; ++i) leaky.emplace_back(open("/dev/null", O_RDONLY));
  const Loaded loaded = load_with(IsolatedLoader(real_reader()),
                                  golden("preprocess/vol_a_120x110x37.nii.gz"), any_anatomy());
  EXPECT_FALSE(loaded.error) << loaded.error->what();
}

/// A system without seccomp, made by a filter in whose eyes it is not there.
int without_seccomp(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0);
    const scmp_arg_cmp set_seccomp = {0, SCMP_CMP_EQ, 22, 0};  // PR_SET_SECCOMP
    seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1, &set_seccomp);
    if (seccomp_load(filter) != 0) std::_Exit(1);
    std::_Exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(IsolatedLoader, ReadsWithoutSeccompAndKnowsIt) {
  EXPECT_EQ(without_seccomp([] {
              const IsolatedLoader loader(real_reader());
              if (loader.filtered()) return 2;
              const Loaded loaded = load_with(loader, golden("dicom/s01_base.zip"), any_anatomy());
              return loaded.error ? 3 : 7;
            }),
            7);
}

}  // namespace
}  // namespace ctclip::isolation
