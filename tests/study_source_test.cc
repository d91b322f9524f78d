#include "study/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "study/byte_format.h"
#include "study_testing.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::DicomBuilder;
using testing::error_of;
using testing::golden;
using ::testing::HasSubstr;
using testing::MemorySource;
using ::testing::Not;
using testing::read_all;
using testing::read_file;
using testing::TempDir;
using testing::write_file;
using testing::write_zip;

std::string code_of_opening(const std::filesystem::path& path, const Limits& limits = {}) {
  return error_of([&] { open_source(path, limits); }).first;
}

/// Where the central directory's record of the first entry begins.
std::size_t directory_of(const std::string& zip) { return zip.find("PK\x01\x02"); }

TEST(Sniff, KnowsFormatsByTheirFirstBytes) {
  TempDir dir;
  const auto sniffed = [&](std::string_view bytes) {
    write_file(dir.path() / "file", bytes);
    return sniff(dir.path() / "file");
  };
  EXPECT_EQ(sniffed(""), Format::empty);
  EXPECT_EQ(sniffed("PK\x03\x04 and so on"), Format::zip);
  EXPECT_EQ(sniffed("just some text that is no image"), Format::unknown);
  EXPECT_EQ(sniffed(std::string(128, '\0') + "DICM"), Format::dicom);
  EXPECT_EQ(sniffed(DicomBuilder().bytes().substr(132)), Format::dicom);
  EXPECT_EQ(sniffed(std::string("\0\x08\0\x05\0\x43S\0", 8)), Format::unknown);
  EXPECT_EQ(sniffed(std::string("\0\x08\0\x05"
                                "CS\0\x0a",
                                8)),
            Format::dicom);
  std::string nifti(352, '\0');
  nifti.replace(0, 4, std::string("\x5c\x01\0\0", 4)).replace(344, 4, std::string("n+1\0", 4));
  EXPECT_EQ(sniffed(nifti), Format::nifti);
  nifti.replace(0, 4, std::string("\0\0\x01\x5c", 4));
  EXPECT_EQ(sniffed(nifti), Format::nifti);
  nifti.replace(344, 4, "oops");
  EXPECT_EQ(sniffed(nifti), Format::unknown);
  EXPECT_EQ(sniffed("\x1f\x8b\x08 no gzip"), Format::unknown);
}

TEST(OpenSource, RefusesWhatIsNoStudy) {
  TempDir dir;
  write_file(dir.path() / "empty", "");
  write_file(dir.path() / "text", "hello");
  EXPECT_EQ(code_of_opening(dir.path() / "empty"), "empty_upload");
  EXPECT_EQ(code_of_opening(dir.path() / "text"), "unsupported_format");
  EXPECT_EQ(code_of_opening(dir.path() / "absent"), "unsupported_format");
}

TEST(OpenSource, TakesASingleDicomFile) {
  TempDir dir;
  const std::string bytes = testing::ct_header({}).bytes();
  write_file(dir.path() / "IM0001", bytes);
  const auto source = open_source(dir.path() / "IM0001", {});
  ASSERT_EQ(source->size(), 1u);
  EXPECT_EQ(source->claimed_size(0), bytes.size());
  EXPECT_EQ(read_all(*source, 0), bytes);
}

TEST(FolderSource, ListsRegularFilesOfAnyDepthSorted) {
  TempDir dir, outside;
  write_file(outside.path() / "secret", "outside");
  write_file(dir.path() / "b" / "c" / "2", "two");
  write_file(dir.path() / "b" / "1", "one");
  write_file(dir.path() / "a", "zero");
  std::filesystem::create_symlink(outside.path() / "secret", dir.path() / "link");
  std::filesystem::create_directory_symlink(outside.path(), dir.path() / "folder");
  const auto source = open_source(dir.path(), {});
  ASSERT_EQ(source->size(), 3u);
  EXPECT_EQ(source->path(0), "a");
  EXPECT_EQ(source->path(1), "b/1");
  EXPECT_EQ(source->path(2), "b/c/2");
  EXPECT_EQ(read_all(*source, 2), "two");
}

TEST(FolderSource, CountsFilesAndBytes) {
  TempDir dir;
  for (int i = 0; i < 5; ++i) write_file(dir.path() / std::to_string(i), std::string(100, 'x'));
  Limits limits;
  limits.entries = 4;
  EXPECT_EQ(code_of_opening(dir.path(), limits), "too_many_entries");
  limits.entries = 5;
  limits.inflated_bytes = 499;
  EXPECT_EQ(code_of_opening(dir.path(), limits), "inflated_too_large");
  limits.inflated_bytes = 500;
  EXPECT_EQ(code_of_opening(dir.path(), limits), "no error");
}

TEST(ZipSource, GivesItsFilesInTheirOrder) {
  TempDir dir;
  write_zip(dir.path() / "a.zip", {{"z/deep/er/2", "two"}, {"1", std::string(100'000, 'x')}});
  const auto source = open_source(dir.path() / "a.zip", {});
  ASSERT_EQ(source->size(), 2u);
  EXPECT_EQ(source->path(0), "z/deep/er/2");
  EXPECT_EQ(read_all(*source, 0), "two");
  EXPECT_EQ(read_all(*source, 1), std::string(100'000, 'x'));
  EXPECT_EQ(read_all(*source, 1), std::string(100'000, 'x')) << "a second reading costs nothing";
}

TEST(ZipSource, ServesManyThreadsAtOnce) {
  TempDir dir;
  std::vector<testing::ZipEntry> entries;
  entries.reserve(20);
  for (int i = 0; i < 20; ++i) {
    entries.push_back({std::to_string(i), std::string(50'000, static_cast<char>('a' + i))});
  }
  write_zip(dir.path() / "a.zip", entries);
  const auto source = open_source(dir.path() / "a.zip", {});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < entries.size(); ++i) {
        EXPECT_EQ(read_all(*source, i), entries[i].bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ZipSource, MakesNoPathOfAnEntryName) {
  TempDir dir;
  write_zip(dir.path() / "a.zip", {{"../../x", "climbs"}, {"/etc/passwd", "absolute"}});
  const auto source = open_source(dir.path() / "a.zip", {});
  EXPECT_EQ(read_all(*source, 0), "climbs");
  EXPECT_EQ(read_all(*source, 1), "absolute");
  EXPECT_FALSE(std::filesystem::exists(dir.path().parent_path().parent_path() / "x"));
}

TEST(ZipSource, RefusesAnEncryptedArchive) {
  TempDir dir;
  write_zip(dir.path() / "a.zip", {{"IVANOV.dcm", "secret"}}, "password");
  const auto [code, message] = error_of([&] { open_source(dir.path() / "a.zip", {}); });
  EXPECT_EQ(code, "encrypted_archive");
  EXPECT_THAT(message, Not(HasSubstr("IVANOV")));
}

TEST(ZipSource, RefusesACutOffArchive) {
  TempDir dir;
  const std::string whole = read_file(golden("dicom/s01_base.zip"));
  for (const std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{30}}) {
    write_file(dir.path() / "cut.zip", std::string_view(whole).substr(0, size));
    EXPECT_EQ(code_of_opening(dir.path() / "cut.zip"), "damaged_archive") << size;
  }
}

TEST(ZipSource, FindsDamageByTheChecksum) {
  TempDir dir;
  write_zip(dir.path() / "a.zip", {{"1", "some bytes that are stored"}}, nullptr, ZIP_CM_STORE);
  std::string bytes = read_file(dir.path() / "a.zip");
  bytes[bytes.find("bytes")] = 'B';
  write_file(dir.path() / "a.zip", bytes);
  const auto source = open_source(dir.path() / "a.zip", {});
  EXPECT_EQ(error_of([&] { read_all(*source, 0); }).first, "damaged_archive");
}

TEST(ZipSource, RefusesABombByItsDirectory) {
  TempDir dir;
  write_zip(dir.path() / "bomb.zip", {{"zeros", std::string(3'000'000, '\0')}});
  Limits limits;
  limits.inflated_bytes = 2'999'999;
  EXPECT_EQ(code_of_opening(dir.path() / "bomb.zip", limits), "inflated_too_large");
  limits.inflated_bytes = 3'000'000;
  EXPECT_EQ(code_of_opening(dir.path() / "bomb.zip", limits), "no error");
}

// A phantom's study may deflate to nothing; what would inflate to gigabytes must bring some bytes.
TEST(ZipSource, RefusesABombByItsRatio) {
  TempDir dir;
  write_zip(dir.path() / "zeros.zip", {{"zeros", std::string(6'000'000, '\0')}});
  const std::string zeros = read_file(dir.path() / "zeros.zip");
  const auto code_of_claim = [&](uint64_t claimed, const Limits& limits) {
    std::string bytes = zeros;
    const std::string claim = DicomBuilder::u32(static_cast<uint32_t>(claimed));
    bytes.replace(directory_of(bytes) + 24, 4, claim);       // uncompressed size, central
    bytes.replace(bytes.find("PK\x03\x04") + 22, 4, claim);  // and local
    write_file(dir.path() / "claim.zip", bytes);
    return code_of_opening(dir.path() / "claim.zip", limits);
  };
  Limits limits;
  EXPECT_EQ(code_of_claim(Limits::kHarmless, limits), "no error");
  EXPECT_EQ(code_of_claim(Limits::kHarmless + 1, limits), "inflated_too_large");
  limits.ratio = 60'000;
  EXPECT_EQ(code_of_claim(Limits::kHarmless + 1, limits), "no error");
}

TEST(OpenSource, RefusesFoldersThatLieTooDeep) {
  TempDir dir;
  const auto nested = [](int depth) {
    std::string path;
    for (int i = 0; i < depth; ++i) path += "d/";
    return path;
  };
  const int most = Limits().depth;
  write_zip(dir.path() / "most.zip", {{nested(most) + "1", "one"}});
  EXPECT_EQ(code_of_opening(dir.path() / "most.zip"), "no error");
  write_zip(dir.path() / "more.zip", {{nested(most + 1) + "1", "one"}});
  EXPECT_EQ(code_of_opening(dir.path() / "more.zip"), "nested_too_deep");
  std::filesystem::create_directories(dir.path() / "folder" / nested(most));
  EXPECT_EQ(code_of_opening(dir.path() / "folder"), "no error");
  std::filesystem::create_directories(dir.path() / "folder" / nested(most + 1));
  write_file(dir.path() / "folder" / nested(most + 1) / "1", "one");
  EXPECT_EQ(code_of_opening(dir.path() / "folder"), "nested_too_deep");
}

TEST(ZipSource, CatchesALieOfTheDirectoryWhileInflating) {
  TempDir dir;
  write_zip(dir.path() / "bomb.zip", {{"zeros", std::string(3'000'000, '\0')}});
  std::string bytes = read_file(dir.path() / "bomb.zip");
  const std::string claim = DicomBuilder::u32(1000);
  bytes.replace(directory_of(bytes) + 24, 4, claim);       // uncompressed size, central
  bytes.replace(bytes.find("PK\x03\x04") + 22, 4, claim);  // and local
  write_file(dir.path() / "bomb.zip", bytes);
  Limits limits;
  limits.inflated_bytes = 10'000;
  const auto source = open_source(dir.path() / "bomb.zip", limits);
  const auto stream = source->open(0);
  std::vector<std::byte> buffer(4096);
  uint64_t given = 0;
  const auto [code, message] = error_of([&] {
    for (std::size_t got = 1; got > 0; given += got) got = stream->read(buffer);
  });
  EXPECT_EQ(code, "damaged_archive");
  EXPECT_LE(given, 1000u);
}

TEST(ZipSource, CountsEntriesBeforeAndAfterOpening) {
  TempDir dir;
  std::vector<testing::ZipEntry> entries;
  entries.reserve(70'000);
  for (int i = 0; i < 70'000; ++i) entries.push_back({std::to_string(i), ""});
  write_zip(dir.path() / "many.zip", entries);  // more than 65,535: libzip writes zip64
  Limits limits;
  limits.entries = 69'999;
  EXPECT_EQ(code_of_opening(dir.path() / "many.zip", limits), "too_many_entries");
  limits.entries = 70'000;
  EXPECT_EQ(open_source(dir.path() / "many.zip", limits)->size(), 70'000u);
}

TEST(ZipSource, RefusesAClaimOfEntriesThatAreNotThere) {
  TempDir dir;
  write_zip(dir.path() / "a.zip", {{"1", "x"}});
  std::string bytes = read_file(dir.path() / "a.zip");
  const std::size_t end = bytes.find("PK\x05\x06");
  bytes.replace(end + 8, 4, DicomBuilder::u16(60'000) + DicomBuilder::u16(60'000));
  write_file(dir.path() / "a.zip", bytes);
  EXPECT_EQ(code_of_opening(dir.path() / "a.zip"), "damaged_archive");
}

TEST(ZipSource, CountsTheClaimOfEveryEndRecord) {
  const auto u64 = [](uint64_t value) {
    return DicomBuilder::u32(static_cast<uint32_t>(value)) +
           DicomBuilder::u32(static_cast<uint32_t>(value >> 32));
  };
  const std::string none = "PK\x05\x06" + std::string(18, '\0');
  const uint64_t many = uint64_t{1} << 32;
  // A zip64 record that claims many entries, its locator, and an end whose comment is another end.
  std::string bytes = "PK\x03\x04PK\x06\x06" + u64(44) + std::string(12, '\0') + u64(many) +
                      u64(many) + u64(0) + u64(0);
  bytes += "PK\x06\x07" + DicomBuilder::u32(0) + u64(4) + DicomBuilder::u32(1);
  bytes += "PK\x05\x06" + std::string(16, '\xFF') + DicomBuilder::u16(22) + none;
  const TempDir dir;
  write_file(dir.path() / "two.zip", bytes);
  EXPECT_EQ(code_of_opening(dir.path() / "two.zip"), "too_many_entries");
}

TEST(ZipSource, SurvivesFlippedBytes) {
  TempDir dir;
  write_zip(dir.path() / "a.zip", {{"a/1", std::string(300, 'a')}, {"2", "stored?"}});
  const std::string whole = read_file(dir.path() / "a.zip");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (at % 2 == 0 ? 0xFF : 0x10));
    write_file(dir.path() / "flipped.zip", bytes);
    const auto [code, message] = error_of([&] {
      const auto source = open_source(dir.path() / "flipped.zip", {});
      for (std::size_t i = 0; i < source->size(); ++i) read_all(*source, i);
    });
    EXPECT_THAT(code, ::testing::AnyOf("no error", "damaged_archive", "encrypted_archive",
                                       "unsupported_format", "inflated_too_large"))
        << "byte " << at << ": " << message;
  }
}

TEST(Label, ShowsNoNameThatMayBeAPatients) {
  const auto label = [](const std::string& path) {
    return MemorySource(std::vector<testing::ZipEntry>{{path, ""}}).label(0);
  };
  EXPECT_EQ(label("PETROV/IM0017.dcm"), "file 1 of 1 (IM0017.dcm)");
  EXPECT_EQ(label("a\\1.2.840.113619.2.5.dcm"), "file 1 of 1 (1.2.840.113619.2.5.dcm)");
  EXPECT_EQ(label("IMG-0001-00017.DCM"), "file 1 of 1 (IMG-0001-00017.DCM)");
  for (const std::string name :
       {"IVANOV_17.dcm", "19600101.dcm", "1234567", "im\n1", "имя.dcm", "ct ivanov.dcm", ""}) {
    EXPECT_EQ(label(name), "file 1 of 1") << name;
  }
}

}  // namespace
}  // namespace ctclip
