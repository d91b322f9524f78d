#include "study/codestream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <initializer_list>
#include <span>
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

/// Entropy-coded bits, most significant first, with a zero behind each FF and ones at the end.
class Bits {
 public:
  void put(uint32_t value, int count) {
    while (count-- > 0) {
      byte_ = byte_ << 1 | (value >> count & 1U);
      if (++filled_ == 8) flush();
    }
  }
  std::vector<std::byte> finish() {
    while (filled_ > 0) put(1, 1);
    return bytes_;
  }

 private:
  void flush() {
    bytes_.push_back(static_cast<std::byte>(byte_));
    if (byte_ == 0xFF) bytes_.push_back(std::byte{0});
    byte_ = filled_ = 0;
  }
  std::vector<std::byte> bytes_;
  uint32_t byte_ = 0;
  int filled_ = 0;
};

constexpr int32_t kOverflow = 32768;  // the one difference of category 16

/// Category and remainder (T.81 H.1.2.2); the code of each of ten categories is its number in four
/// bits. The difference 32768 is written as Cornell's encoder did, by 17 bits that are no code.
void put_difference(Bits& bits, int32_t difference) {
  if (difference == kOverflow) return bits.put(0x1FFFE, 17);
  const auto size = std::bit_width(static_cast<uint32_t>(std::abs(difference)));
  bits.put(static_cast<uint32_t>(size), 4);
  bits.put(static_cast<uint32_t>(difference < 0 ? difference + (1 << size) - 1 : difference), size);
}

/// A lossless JPEG of 16 bits, predictor 1, in rows of three pixels.
std::vector<std::byte> lossless_of(std::initializer_list<int32_t> differences) {
  auto stream = stream_of({0xFF, 0xD8});
  const auto add = [&](const std::vector<std::byte>& more) {
    stream.insert(stream.end(), more.begin(), more.end());
  };
  const int rows = static_cast<int>(differences.size()) / 3;
  add(stream_of({0xFF, 0xC3, 0, 11, 16, 0, rows, 0, 3, 1, 1, 0x11, 0}));
  add(stream_of({0xFF, 0xC4, 0, 29, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  add(stream_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  add(stream_of({0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0}));
  Bits bits;
  for (const int32_t difference : differences) put_difference(bits, difference);
  add(bits.finish());
  add(stream_of({0xFF, 0xD9}));
  return stream;
}

std::vector<uint16_t> decode_two_rows(std::span<const std::byte> stream) {
  Slice slice;
  slice.rows = 2;
  slice.columns = 3;
  slice.bits_allocated = slice.bits_stored = 16;
  slice.high_bit = 15;
  slice.transfer_syntax = "1.2.840.10008.1.2.4.70";
  return decode_frame(stream, slice, "a file").cells;
}

// Without the workaround, DCMTK takes the first pixel for 32768, and all that follow with it.
TEST(CornellJpeg, IsDecoded) {
  EXPECT_THAT(decode_two_rows(lossless_of({kOverflow, 508, -505, 7, -7, 508})),
              ::testing::ElementsAre(0, 508, 3, 7, 0, 508));
}

TEST(CornellJpeg, HasItsCodeAtTheBeginningOnly) {
  EXPECT_THROW(decode_two_rows(lossless_of({0, kOverflow, -505, 7, -7, 508})), Error);
}

TEST(Jpeg, WithACodeOfNoTableOrMoreThanItsImageIsRefused) {
  auto stream = lossless_of({9, 508, -505, 7, -7, 508});
  EXPECT_EQ(decode_two_rows(stream).at(0), 32777);
  stream.insert(stream.end() - 2, 20, std::byte{1});  // the codec's buffer takes some unseen
  EXPECT_THROW(decode_two_rows(stream), Error);
  stream.erase(stream.end() - 25, stream.end() - 2);
  EXPECT_THROW(decode_two_rows(stream), Error);
}

}  // namespace
}  // namespace ctclip
