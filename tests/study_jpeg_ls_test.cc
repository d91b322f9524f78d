// JPEG-LS of every depth, of an odd number of pixels and of an odd length, as scanners and archives
// store it.

#include <dcmtk/config/osconfig.h>
// Must precede every other header of DCMTK.
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "study/codecs.h"
#include "study/dcmtk_setup.h"

namespace ctclip {
namespace {

constexpr int32_t kRows = 9, kColumns = 11;

Slice slice_of(int32_t bits) {
  Slice slice;
  slice.rows = kRows;
  slice.columns = kColumns;
  slice.bits_allocated = bits <= 8 ? 8 : 16;
  slice.bits_stored = bits;
  slice.high_bit = bits - 1;
  slice.transfer_syntax = "1.2.840.10008.1.2.4.80";
  return slice;
}

std::vector<uint16_t> pixels_of(int32_t bits) {
  std::vector<uint16_t> pixels(kRows * kColumns);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<uint16_t>((i * 37 + i * i * 11) % (1U << bits));
  }
  return pixels;
}

void put_pixels(DcmItem& dataset, int32_t bits) {
  const std::vector<uint16_t> pixels = pixels_of(bits);
  if (bits > 8) {
    dataset.putAndInsertUint16Array(DCM_PixelData, pixels.data(), pixels.size());
    return;
  }
  std::vector<Uint8> narrow(pixels.begin(), pixels.end());
  narrow.push_back(0);  // a value's length is even
  dataset.putAndInsertUint8Array(DCM_PixelData, narrow.data(), narrow.size());
}

void describe(DcmItem& dataset, const Slice& slice) {
  const auto put = [&](const DcmTagKey& tag, int32_t value) {
    dataset.putAndInsertUint16(tag, static_cast<Uint16>(value));
  };
  dataset.putAndInsertString(DCM_SOPClassUID, "1.2.840.10008.5.1.4.1.1.2");
  dataset.putAndInsertString(DCM_SOPInstanceUID, "1.2");
  dataset.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2");
  put(DCM_SamplesPerPixel, 1);
  put(DCM_Rows, slice.rows);
  put(DCM_Columns, slice.columns);
  put(DCM_BitsAllocated, slice.bits_allocated);
  put(DCM_BitsStored, slice.bits_stored);
  put(DCM_HighBit, slice.high_bit);
  put(DCM_PixelRepresentation, 0);
}

/// The codestream of pixels_of(bits), without the padding of a fragment.
std::vector<std::byte> encoded(int32_t bits) {
  set_up_dcmtk();
  DJLSEncoderRegistration::registerCodecs();
  DcmDataset dataset;
  describe(dataset, slice_of(bits));
  put_pixels(dataset, bits);
  const OFCondition done = dataset.chooseRepresentation(EXS_JPEGLSLossless, nullptr);
  if (done.bad()) throw std::runtime_error(done.text());
  DJLSEncoderRegistration::cleanup();
  DcmElement* element = nullptr;
  DcmPixelSequence* fragments = nullptr;
  DcmPixelItem* fragment = nullptr;
  Uint8* bytes = nullptr;
  dataset.findAndGetElement(DCM_PixelData, element);
  dynamic_cast<DcmPixelData&>(*element).getEncapsulatedRepresentation(EXS_JPEGLSLossless, nullptr,
                                                                      fragments);
  fragments->getItem(fragment, 1);
  fragment->getUint8Array(bytes);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  std::vector<std::byte> stream(begin, begin + fragment->getLength());
  // The encoder pads to an even length with what its memory held.
  if (stream.end()[-2] != std::byte{0xFF} || stream.back() != std::byte{0xD9}) stream.pop_back();
  return stream;
}

class JpegLs : public ::testing::TestWithParam<int32_t> {};

TEST_P(JpegLs, IsDecodedWithAndWithoutPadding) {
  const int32_t bits = GetParam();
  const std::vector<std::byte> stream = encoded(bits);
  for (const auto& padding : std::vector<std::vector<int>>{{}, {0}, {0x5A}, {0, 0, 0}}) {
    std::vector<std::byte> padded = stream;
    for (const int value : padding) padded.push_back(static_cast<std::byte>(value));
    EXPECT_EQ(decode_frame(padded, slice_of(bits), "a file").cells, pixels_of(bits));
  }
}

INSTANTIATE_TEST_SUITE_P(Depths, JpegLs, ::testing::Range(6, 17));

}  // namespace
}  // namespace ctclip
