#include "study/codestream.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "base/error.h"
#include "study/codecs.h"

namespace ctclip {
namespace {

std::vector<std::byte> stream_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

// A start of frame of 16 x 28 pixels of one component, 8 bits each.
std::vector<std::byte> with_frame(std::vector<std::byte> stream, int marker) {
  for (const std::byte byte : stream_of({0xFF, marker, 0, 11, 8, 0, 16, 0, 28, 1, 1, 0x11, 0})) {
    stream.push_back(byte);
  }
  return stream;
}

TEST(JpegHeader, IsFoundBehindTablesAndFillBytes) {
  const auto header = read_jpeg_header(
      with_frame(stream_of({0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xFF, 0xC4, 0, 2}), 0xC3));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->rows, 16U);
  EXPECT_EQ(header->columns, 28U);
  EXPECT_EQ(header->components, 1U);
  EXPECT_EQ(header->precision, 8);
  EXPECT_FALSE(header->is_jpeg_ls);
  EXPECT_TRUE(read_jpeg_header(with_frame(stream_of({0xFF, 0xD8}), 0xF7))->is_jpeg_ls);
}

// DCMTK looks for the frame once more by itself, and takes other lengths for some of these: what
// it would meet behind them, this reader has not seen.
TEST(JpegHeader, IsNotSoughtBehindMarkersThatDoNotPrecedeAFrame) {
  for (const int marker : {0x01, 0x02, 0x4F, 0xBF, 0xD9, 0xDA}) {
    EXPECT_FALSE(read_jpeg_header(with_frame(stream_of({0xFF, 0xD8, 0xFF, marker}), 0xC3)))
        << marker;
    EXPECT_FALSE(read_jpeg_header(with_frame(stream_of({0xFF, 0xD8, 0xFF, marker, 0, 2}), 0xC3)))
        << marker;
  }
}

// Behind a frame of JPEG-LS, which is no frame to DCMTK's JPEG decoder, a TEM would hold it
// forever.
TEST(JpegHeader, OfJpegLsIsNoneOfJpeg) {
  auto stream = with_frame(stream_of({0xFF, 0xD8}), 0xF7);
  for (const std::byte byte : stream_of({0xFF, 0x01, 0xFF, 0x01})) stream.push_back(byte);
  Slice slice;
  slice.rows = 16;
  slice.columns = 28;
  slice.bits_allocated = slice.bits_stored = 8;
  slice.high_bit = 7;
  slice.transfer_syntax = "1.2.840.10008.1.2.4.70";
  EXPECT_THROW(decode_frame(stream, slice, "a file"), Error);
  slice.transfer_syntax = "1.2.840.10008.1.2.4.80";
  EXPECT_THROW(decode_frame(with_frame(stream_of({0xFF, 0xD8}), 0xC3), slice, "a file"), Error);
}

}  // namespace
}  // namespace ctclip
