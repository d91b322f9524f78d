#include "app/study_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "base/error.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

class StudyInputTest : public testing::Test {
 protected:
  StudyInputTest() {
    folder_ = fs::path(testing::TempDir()) / "study_input";
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "tmp");
    setenv("TMPDIR", (folder_ / "tmp").c_str(), 1);
  }

  /// A pipe that somebody writes `text` into.
  std::string pipe(const std::string& text) {
    const fs::path path = folder_ / "pipe";
    mkfifo(path.c_str(), 0600);
    writer_ = std::jthread([path, text] { std::ofstream(path) << text; });
    return path;
  }

  Code refusal(const std::vector<std::string>& names, const Limits& limits = {}) {
    try {
      open_inputs(names, limits);
    } catch (const Error& error) {
      message_ = error.what();
      return error.code();
    }
    return Code::internal;
  }

  fs::path folder_;
  std::string message_;
  std::jthread writer_;
};

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(StudyInputTest, FilesAndFoldersAreReadWhereTheyLie) {
  const StudyInput input(folder_);
  EXPECT_EQ(input.path(), folder_);
  EXPECT_EQ(input.label(), "study_input");
}

TEST_F(StudyInputTest, APipeIsReadAgainAndAgain) {
  const std::string text(3'000'000, 'x');  // several reads
  const StudyInput input(pipe(text));
  EXPECT_EQ(input.name(), (folder_ / "pipe").string());
  EXPECT_EQ(bytes_of(input.path()), text);
  EXPECT_EQ(bytes_of(input.path()), text);
  EXPECT_TRUE(fs::is_empty(folder_ / "tmp")) << "the copy has no name";
}

TEST_F(StudyInputTest, BytesAreCountedAsTheyCome) {
  Limits limits;
  limits.upload_bytes = 1000;
  EXPECT_EQ(bytes_of(StudyInput(pipe(std::string(1000, 'x')), limits).path()).size(), 1000U);
  EXPECT_EQ(refusal({pipe(std::string(1001, 'x'))}, limits), Code::upload_too_large);
  EXPECT_THAT(message_, testing::HasSubstr("at most 1000 bytes"));
}

TEST_F(StudyInputTest, WhatIsNotThereIsMisuse) {
  EXPECT_EQ(refusal({folder_, folder_ / "absent.zip"}), Code::usage);
  EXPECT_THAT(message_, testing::HasSubstr("absent.zip: expected a study"));
  EXPECT_EQ(refusal({"-", "-"}), Code::usage);
  EXPECT_THAT(message_, testing::HasSubstr("only once"));
}

}  // namespace
}  // namespace ctclip::app
