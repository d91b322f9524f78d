#include <gmock/gmock.h>
#include <time.h>
#include <zlib.h>

#include <string>

#include "study_testing.h"

namespace ctclip {
namespace {

using testing::ct_header;
using testing::DicomBuilder;
using testing::MemorySource;

constexpr char kDeflated[] = "1.2.840.10008.1.2.1.99";

std::string deflate_some(z_stream& stream, std::string bytes, int flush) {
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, flush);
  out.resize(out.size() - stream.avail_out);
  return out;
}

/// A deflated file of these elements and so many MiB of zeros, which take it 1 KiB each: behind a
/// full flush a block depends on nothing before it, so the same one may come again and again.
std::string bomb(const DicomBuilder& file, int mebibytes) {
  const std::string meta = DicomBuilder(kDeflated).bytes();
  z_stream stream = {};
  deflateInit2(&stream, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string bytes = meta + deflate_some(stream, file.bytes().substr(meta.size()), Z_FULL_FLUSH);
  const std::string block = deflate_some(stream, std::string(1 << 20, '\0'), Z_FULL_FLUSH);
  for (int i = 0; i < mebibytes; ++i) bytes += block;
  bytes += deflate_some(stream, "", Z_FINISH);
  deflateEnd(&stream);
  return bytes;
}

double thread_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

DicomBuilder header() { return ct_header({.transfer_syntax = kDeflated, .rows = 1, .columns = 2}); }

TEST(Deflated, AValueThatInflatesToGigabytesIsNotSkippedToItsEnd) {
  const std::string file = bomb(header().raw(0x0029, 0x1000, "OB", "", 0xFFFFFFF0u), 4096);
  EXPECT_LT(file.size(), 20U << 20);
  EXPECT_EQ(testing::scan_all(MemorySource(file)).slices.at(0).defect,
            "its header inflates to far more than the file holds");
}

TEST(Deflated, WhatFollowsThePixelsIsNotInflated) {
  const MemorySource source(
      bomb(header().raw(0x7FE0, 0x0010, "OW", testing::cells_16({5, 6})), 4096));
  const std::vector<Slice> slices = testing::scan_all(source).slices;
  ASSERT_EQ(slices.at(0).defect, "");
  const double before = thread_seconds();
  EXPECT_THAT(testing::decode_all(source, slices),
              ::testing::ElementsAre(::testing::ElementsAre(-1019, -1018)));
  EXPECT_LT(thread_seconds() - before, 0.5) << "4 GiB take longer";
}

}  // namespace
}  // namespace ctclip
