#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include "study/slice.h"
#include "study_testing.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::testing::AnyOf;
using testing::cells_16;
using testing::ct_header;
using testing::CtHeader;
using testing::data_dir;
using testing::decode_all;
using testing::DicomBuilder;
using ::testing::ElementsAre;
using testing::error_of;
using testing::golden;
using ::testing::HasSubstr;
using testing::MemorySource;
using ::testing::Not;
using testing::read_file;
using testing::scan_all;

using Images = std::vector<std::vector<float>>;

/// HU of every valid slice of a file.
Images decode_bytes(const std::string& bytes) {
  const MemorySource source(bytes);
  return decode_all(source, scan_all(source).slices);
}

Images decode_native(const CtHeader& header, const std::string& cells) {
  return decode_bytes(ct_header(header).raw(0x7FE0, 0x0010, "OW", cells).bytes());
}

/// PixelData of fragments behind a basic offset table.
std::string encapsulated(const std::vector<std::string>& fragments, const std::string& table = "") {
  std::string bytes = DicomBuilder::elements().raw(0x7FE0, 0x0010, "OB", "", 0xFFFFFFFFu).bytes();
  bytes += DicomBuilder::item(table);
  for (const std::string& fragment : fragments) bytes += DicomBuilder::item(fragment);
  return bytes + DicomBuilder::u16(0xFFFE) + DicomBuilder::u16(0xE0DD) + DicomBuilder::u32(0);
}

std::string sha1_of(const std::string& bytes) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return hex;
}

/// Little-endian bytes of the stored values that gave these HU.
std::string stored_bytes(const std::vector<float>& hu, float intercept) {
  std::string bytes;
  for (const float value : hu) bytes += DicomBuilder::u16(std::lround(value - intercept));
  return bytes;
}

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(double{a[i]} - b[i]);
  return sum / static_cast<double>(a.size());
}

// ---- golden: stored pixel of slice k, row r, column c is 60 + 23k + 9r + 11c ------------------

/// A study that is made by the formula, k counted by height.
struct Formula {
  std::string study;
  double slope = 1, intercept = -1024;
  bool descending = false;  ///< k counts from the top
};

class GoldenStudy : public ::testing::TestWithParam<Formula> {};

TEST_P(GoldenStudy, PixelsFollowTheFormula) {
  const Formula& formula = GetParam();
  const auto source = open_source(golden("dicom/" + formula.study + ".zip"), {});
  Contents contents = scan_all(*source);
  std::ranges::sort(contents.slices, {}, [](const Slice& s) { return s.position->at(2); });
  if (formula.descending) std::ranges::reverse(contents.slices);
  for (std::size_t k = 0; k < contents.slices.size(); ++k) {
    const Slice& slice = contents.slices[k];
    const std::vector<float> hu = decode_all(*source, {slice}).at(0);
    ASSERT_EQ(hu.size(), static_cast<std::size_t>(slice.rows * slice.columns));
    for (int r = 0; r < slice.rows; ++r) {
      for (int c = 0; c < slice.columns; ++c) {
        const double stored = 60.0 + 23.0 * static_cast<double>(k) + 9 * r + 11 * c;
        ASSERT_EQ(hu[static_cast<std::size_t>(r * slice.columns + c)],
                  static_cast<float>(stored * formula.slope + formula.intercept))
            << "slice " << k << " row " << r << " column " << c;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Dicom, GoldenStudy,
    ::testing::Values(Formula{"s01_base"}, Formula{"s02_reverse_order"},
                      Formula{"s06_slope2", 2, -1500}, Formula{"s07_identity_spacing"},
                      Formula{"s08_anisotropic_pixel_spacing"},
                      Formula{"s09_instance_numbers_shuffled"}, Formula{"s10_signed_12bit"},
                      Formula{"s11_no_rescale"}, Formula{"s18_implicit_vr_no_extension"},
                      Formula{"s19_same_names_in_two_folders"},
                      Formula{"s22_fractional_slope", 0.488281, -1000.5},
                      Formula{"s23_descending_z_sorted", 1, -1024, true},
                      Formula{"s26_no_preamble"}, Formula{"s31_unsigned_12bit_junk_bits"}),
    [](const auto& info) { return info.param.study; });

TEST(Decode, EachSliceHasItsOwnIntercept) {
  const auto source = open_source(golden("dicom/s24_per_slice_intercept.zip"), {});
  const Contents contents = scan_all(*source);
  std::vector<double> intercepts;
  for (std::size_t k = 0; k < contents.slices.size(); ++k) {
    const Slice& slice = contents.slices[k];
    intercepts.push_back(slice.intercept);
    EXPECT_EQ(decode_all(*source, {slice}).at(0).at(0),
              static_cast<float>(60 + 23.0 * static_cast<double>(k) + slice.intercept));
  }
  EXPECT_NE(*std::ranges::min_element(intercepts), *std::ranges::max_element(intercepts));
}

TEST(Decode, PaddingOfTheGoldenStudyIsAir) {
  const auto source = open_source(golden("dicom/s17_padding_value.zip"), {});
  const Contents contents = scan_all(*source);
  float lowest = 0, highest = -5000;
  for (const Slice& slice : contents.slices) {
    ASSERT_EQ(slice.padding, -2000);
    const std::vector<float> hu = decode_all(*source, {slice}).at(0);
    lowest = std::min(lowest, *std::ranges::min_element(hu));
    highest = std::max(highest, *std::ranges::max_element(hu));
  }
  EXPECT_EQ(lowest, -3024);  // what the reference gives too: it is below -1024 already
  EXPECT_EQ(highest, -86);
}

// ---- bits ---------------------------------------------------------------------------------------

TEST(Decode, UnsignedCellsAreMasked) {
  const CtHeader header = {.rows = 1, .columns = 3, .bits_stored = 12, .high_bit = 11};
  EXPECT_THAT(decode_native(header, cells_16({0x0FFF, 0xF001, 0x8000})),
              ElementsAre(ElementsAre(4095 - 1024, 1 - 1024, -1024)));
}

TEST(Decode, SignedCellsAreSignExtended) {
  const CtHeader header = {
      .rows = 1, .columns = 4, .bits_stored = 12, .high_bit = 11, .is_signed = 1, .intercept = "0"};
  EXPECT_THAT(decode_native(header, cells_16({0x0FFF, 0xF001, 0x0800, 0x07FF})),
              ElementsAre(ElementsAre(-1, 1, -2048, 2047)));
}

TEST(Decode, HighBitPlacesTheStoredBits) {
  const CtHeader left = {.rows = 1, .columns = 3, .bits_stored = 12, .intercept = "0"};
  EXPECT_THAT(decode_native(left, cells_16({0x0010, 0x001F, 0xFFF0})),
              ElementsAre(ElementsAre(1, 1, 4095)));
  const CtHeader absurd = {
      .rows = 1, .columns = 1, .bits_stored = 12, .high_bit = 3, .intercept = "0"};
  EXPECT_THAT(decode_native(absurd, cells_16({0x0010})), ElementsAre(ElementsAre(16)));
}

TEST(Decode, SixteenBitsOfEitherSign) {
  const CtHeader header = {.rows = 1, .columns = 2, .intercept = "0"};
  EXPECT_THAT(decode_native(header, cells_16({0xFFFF, 0x8000})),
              ElementsAre(ElementsAre(65535, 32768)));
  const CtHeader with_sign = {.rows = 1, .columns = 2, .is_signed = 1, .intercept = "0"};
  EXPECT_THAT(decode_native(with_sign, cells_16({0xFFFF, 0x8000})),
              ElementsAre(ElementsAre(-1, -32768)));
}

TEST(Decode, EightBitCells) {
  const CtHeader header = {.rows = 1,
                           .columns = 3,
                           .bits_allocated = 8,
                           .bits_stored = 8,
                           .high_bit = 7,
                           .slope = "32",
                           .intercept = "-1024"};
  EXPECT_THAT(decode_native(header, std::string("\x00\x01\xFF\x00", 4)),
              ElementsAre(ElementsAre(-1024, -992, 7136)));
}

TEST(Decode, HuIsComputedInDoubleAndRoundedOnce) {
  const CtHeader header = {.rows = 1, .columns = 2, .slope = "0.1", .intercept = "-1000.7"};
  EXPECT_THAT(decode_native(header, cells_16({3, 65535})),
              ElementsAre(ElementsAre(static_cast<float>(3 * 0.1 - 1000.7),
                                      static_cast<float>(65535 * 0.1 - 1000.7))));
}

TEST(Decode, PaddingIsNeverDenserThanAir) {
  const CtHeader bright = {.rows = 1, .columns = 3, .padding = 63536};
  EXPECT_THAT(decode_native(bright, cells_16({63536, 63535, 0})),
              ElementsAre(ElementsAre(-1024, 62511, -1024)));
  const CtHeader range = {
      .rows = 1, .columns = 4, .is_signed = 1, .padding = -1000, .padding_limit = -2000};
  EXPECT_THAT(decode_native(range, cells_16({-999, -1000, -2000, -2001})),
              ElementsAre(ElementsAre(-2023, -2024, -3024, -3025)));
  const CtHeader raised = {.rows = 1, .columns = 2, .intercept = "0", .padding = 4000};
  EXPECT_THAT(decode_native(raised, cells_16({4000, 8})), ElementsAre(ElementsAre(-1024, 8)));
}

TEST(Decode, PaddingThatIsTissueIsNone) {
  const CtHeader water = {.rows = 1, .columns = 3, .is_signed = 1, .intercept = "0", .padding = 0};
  EXPECT_THAT(decode_native(water, cells_16({0, -1024, 40})),
              ElementsAre(ElementsAre(0, -1024, 40)));
}

TEST(Decode, PaddingMayLieOutsideTheStoredBits) {
  const CtHeader header = {
      .rows = 1, .columns = 2, .bits_stored = 12, .high_bit = 11, .padding = 63536};
  EXPECT_THAT(decode_native(header, cells_16({63536, 63536 & 0xFFF})),
              ElementsAre(ElementsAre(-1024, (63536 & 0xFFF) - 1024)));
}

// ---- sizes --------------------------------------------------------------------------------------

TEST(Decode, TruncatedPixelsAreRefused) {
  const auto [code, message] = error_of([] { decode_native({}, cells_16({1, 2, 3, 4, 5})); });
  EXPECT_EQ(code, "undecodable_pixels");
  EXPECT_THAT(message, HasSubstr("expected 12 bytes up to frame 1, found 10"));
  std::string cut = ct_header({}).raw(0x7FE0, 0x0010, "OW", cells_16({1, 2, 3, 4, 5, 6})).bytes();
  cut.pop_back();
  EXPECT_EQ(error_of([&] { decode_bytes(cut); }).first, "undecodable_pixels");
}

TEST(Decode, AbsurdSizesAreRefusedBeforeAnythingIsAllocated) {
  const auto [code, message] =
      error_of([] { decode_native({.rows = 65'535, .columns = 65'535}, "xx"); });
  EXPECT_EQ(code, "image_too_large");
  EXPECT_THAT(message, Not(HasSubstr("SECRET")));
  EXPECT_EQ(error_of([] { decode_native({.rows = 4096, .columns = 4096}, "xx"); }).first,
            "undecodable_pixels");
}

TEST(Decode, ADefectIsAnError) {
  const auto [code, message] =
      error_of([] { decode_native({.samples = 3, .photometric = "RGB"}, std::string(18, 'x')); });
  EXPECT_EQ(code, "undecodable_pixels");
  EXPECT_THAT(message, HasSubstr("colour"));
}

TEST(Decode, UnknownTransferSyntaxIsNamed) {
  const auto [code, message] = error_of([] {
    decode_bytes(ct_header({.transfer_syntax = "1.2.840.10008.1.2.4.102"}).bytes() +
                 encapsulated({"mpeg"}));
  });
  EXPECT_EQ(code, "undecodable_pixels");
  EXPECT_THAT(message, HasSubstr("1.2.840.10008.1.2.4.102"));
}

TEST(Decode, CodestreamOfAnotherSizeIsRefused) {
  for (const std::string leaf : {"57", "70", "80", "50"}) {
    std::string sof("\xFF\xD8\xFF\xC3\x00\x0B\x10\xFF\xFF\xFF\xFF\x01\x01\x11\x00", 15);
    if (leaf == "80") sof[3] = '\xF7';
    const auto [code, message] = error_of([&] {
      decode_bytes(ct_header({.transfer_syntax = "1.2.840.10008.1.2.4." + leaf}).bytes() +
                   encapsulated({sof}));
    });
    EXPECT_EQ(code, "undecodable_pixels");
    EXPECT_THAT(message, HasSubstr("65535 x 65535"));
  }
}

// ---- HTJ2K --------------------------------------------------------------------------------------

std::string htj2k(const std::string& file) {
  return read_file(std::filesystem::path(CTCLIP_TESTS_DIR) / "data/htj2k" / file);
}

std::vector<float> htj2k_pixels() {
  std::vector<float> pixels;
  for (int r = 0; r < 64; ++r) {
    for (int c = 0; c < 48; ++c) {
      pixels.push_back(static_cast<float>(60 + 9 * r + 11 * c + r * c * 13 % 64 - 1024));
    }
  }
  return pixels;
}

CtHeader htj2k_header(const std::string& leaf) {
  return {.transfer_syntax = "1.2.840.10008.1.2.4." + leaf,
          .rows = 64,
          .columns = 48,
          .bits_stored = 12,
          .high_bit = 11};
}

TEST(RunLength, SegmentsOutsideOfTheFrameAreRefused) {
  const CtHeader header = {
      .transfer_syntax = "1.2.840.10008.1.2.5", .rows = 1, .columns = 2, .intercept = "0"};
  const auto frame = [](const std::vector<uint32_t>& head) {
    std::string bytes;
    for (const uint32_t value : head) bytes += DicomBuilder::u32(value);
    bytes.resize(64, '\0');
    return bytes + "\1\2\3\x80\1\4\5\x80";  // two literals and a byte of padding, twice
  };
  const auto decoded = [&](const std::string& bytes) {
    return decode_bytes(ct_header(header).bytes() + encapsulated({bytes}));
  };
  EXPECT_THAT(decoded(frame({2, 64, 68})), ElementsAre(ElementsAre(0x204, 0x305)));
  for (const std::vector<uint32_t>& head : std::vector<std::vector<uint32_t>>{{2, 64, 0x0F000000},
                                                                              {2, 64, 72},
                                                                              {2, 68, 64},
                                                                              {2, 64, 64},
                                                                              {2, 0, 68},
                                                                              {1, 64},
                                                                              {16, 64}}) {
    EXPECT_EQ(error_of([&] { decoded(frame(head)); }).first, "undecodable_pixels") << head.back();
  }
  EXPECT_EQ(error_of([&] { decoded("\2"); }).first, "undecodable_pixels");
}

TEST(Htj2k, LosslessStreamsAreExact) {
  for (const auto& [leaf, file] :
       {std::pair<std::string, std::string>{"201", "lossless_u12.j2c"}, {"202", "rpcl_u12.j2c"}}) {
    const Images images =
        decode_bytes(ct_header(htj2k_header(leaf)).bytes() + encapsulated({htj2k(file)}));
    EXPECT_EQ(images.at(0), htj2k_pixels()) << file;
  }
}

TEST(Jpeg2000, ManyTilesAreRefusedBeforeMemoryIsTakenForThem) {
  for (const bool in_file : {false, true}) {
    std::string stream = htj2k("lossless_u12.j2c");
    stream.replace(8, 8, std::string("\0\0\x10\0\0\0\x10\0", 8));  // 4096 x 4096
    stream.replace(24, 8, std::string("\0\0\0\1\0\0\0\1", 8));     // tiles of one pixel
    const std::string signature("\0\0\0\x0CjP  \r\n\x87\n\0\0\0\0jp2c", 20);
    const std::string file = in_file ? signature + stream : stream;
    const auto [code, message] = error_of(
        [&] { decode_bytes(ct_header(htj2k_header("201")).bytes() + encapsulated({file})); });
    EXPECT_EQ(code, "undecodable_pixels");
    EXPECT_THAT(message, HasSubstr(" tiles"));
  }
}

TEST(Htj2k, LossyStreamIsClose) {
  const Images images =
      decode_bytes(ct_header(htj2k_header("203")).bytes() + encapsulated({htj2k("lossy_u12.j2c")}));
  // A base step of 0.0005 of 4096 is 2 grey levels in each of up to 16 subbands.
  EXPECT_LT(mean_difference(images.at(0), htj2k_pixels()), 2);
}

TEST(Htj2k, SignedStreamHoldsTheValuesUnderEitherHeader) {
  // Said to be signed (Ssiz of SIZ), the same stream lacks the level shift of 2048 (T.800 G.1).
  std::string stream = htj2k("lossless_u12.j2c");
  ASSERT_EQ(stream.at(42), 0x0B);
  stream[42] = static_cast<char>(0x8B);
  for (const int is_signed : {0, 1}) {
    CtHeader header = htj2k_header("201");
    header.is_signed = is_signed;
    header.intercept = "1024";
    const Images images = decode_bytes(ct_header(header).bytes() + encapsulated({stream}));
    EXPECT_EQ(images.at(0), htj2k_pixels()) << is_signed;
  }
}

TEST(Htj2k, SurvivesFlippedBytesAndTruncation) {
  const std::string whole = htj2k("lossless_u12.j2c");
  const std::string head = ct_header(htj2k_header("201")).bytes();
  for (std::size_t at = 0; at < whole.size(); at += at < 150 ? 1 : 37) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xFF);
    for (const std::string& stream : {bytes, whole.substr(0, at)}) {
      EXPECT_THAT(error_of([&] { decode_bytes(head + encapsulated({stream})); }).first,
                  AnyOf("no error", "undecodable_pixels"));
    }
  }
}

// ---- real files ---------------------------------------------------------------------------------

/// The first file of transfer_syntaxes/ whose name ends in `uid`.dcm, decoded.
std::vector<float> decode_syntax(const std::string& uid) {
  for (const auto& entry : std::filesystem::directory_iterator(data_dir() / "transfer_syntaxes")) {
    if (entry.path().filename().string().ends_with("_" + uid + ".dcm")) {
      return decode_bytes(read_file(entry.path())).at(0);
    }
  }
  ADD_FAILURE() << "no file of " << uid;
  return {};
}

TEST(TransferSyntaxes, LosslessOnesGiveTheSamePixels) {
  CTCLIP_NEEDS_DATA();
  for (const std::string leaf : {"1.2", "1.2.1", "1.2.2", "1.2.1.99", "1.2.5", "1.2.4.57",
                                 "1.2.4.70", "1.2.4.80", "1.2.4.90"}) {
    const std::vector<float> hu = decode_syntax("1.2.840.10008." + leaf);
    EXPECT_EQ(sha1_of(stored_bytes(hu, -1024)).substr(0, 12), "eb5b3a66f37c") << leaf;
  }
}

TEST(TransferSyntaxes, LossyOnesAreClose) {
  CTCLIP_NEEDS_DATA();
  const std::vector<float> exact = decode_syntax("1.2.840.10008.1.2");
  // Mean difference in HU: the step of the file's own rescale (2 for 12 bits, 32 for 8 bits) and
  // as much again by the codec; JPEG-LS was made with an error of at most a few grey levels.
  const std::vector<std::pair<std::string, double>> syntaxes = {
      {"4.50", 64}, {"4.51", 4}, {"4.53", 4}, {"4.55", 4}, {"4.81", 3}, {"4.91", 8}};
  for (const auto& [leaf, tolerance] : syntaxes) {
    const double difference = mean_difference(decode_syntax("1.2.840.10008.1.2." + leaf), exact);
    EXPECT_LT(difference, tolerance) << leaf;
    EXPECT_GT(difference, 0) << leaf;
  }
}

TEST(TransferSyntaxes, ManyThreadsDecodeAtOnce) {
  CTCLIP_NEEDS_DATA();
  const std::vector<float> exact = decode_syntax("1.2.840.10008.1.2");
  std::vector<std::thread> threads;
  for (const std::string leaf : {"5", "4.57", "4.70", "4.80", "4.90", "1.99", "4.57", "4.90"}) {
    threads.emplace_back(
        [&exact, leaf] { EXPECT_EQ(decode_syntax("1.2.840.10008.1.2." + leaf), exact) << leaf; });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(MultiFrame, EveryWayToFragmentGivesTheSameFrames) {
  CTCLIP_NEEDS_DATA();
  const auto folder = data_dir() / "multiframe/encapsulated/multi-frame";
  const Images exact = decode_bytes(read_file(folder / "CT0012.explicit_little_endian.dcm"));
  ASSERT_EQ(exact.size(), 2u);
  EXPECT_NE(exact[0], exact[1]);
  for (const std::string name :
       {"fragmented_no_bot_jpeg_lossless.57", "fragmented_no_bot_jpeg_lossless.70",
        "fragmented_no_bot_jpeg_ls.80", "not_fragmented_bot_jpeg_ls.80", "not_fragmented_bot_rle",
        "not_fragmented_no_bot_jpeg_ls.80", "not_fragmented_no_bot_rle"}) {
    EXPECT_EQ(decode_bytes(read_file(folder / ("CT0012." + name + ".dcm"))), exact) << name;
  }
  const Images lossy = decode_bytes(read_file(folder / "CT0012.fragmented_no_bot_jpeg_ls.81.dcm"));
  for (std::size_t frame = 0; frame < 2; ++frame) {
    EXPECT_LT(mean_difference(lossy.at(frame), exact[frame]), 3);
  }
}

TEST(MultiFrame, SingleFramesOfManyFragments) {
  CTCLIP_NEEDS_DATA();
  const auto folder = data_dir() / "multiframe";
  const Images exact = decode_bytes(read_file(folder / "CT1_UNC.implicit_little_endian.dcm"));
  EXPECT_EQ(decode_bytes(read_file(folder / "CT1_UNC.explicit_big_endian.dcm")), exact);
  for (const std::string name :
       {"fragmented_bot", "fragmented_no_bot", "not_fragmented_bot", "not_fragmented_no_bot"}) {
    const auto file =
        folder / "encapsulated/single-frame" / ("CT1_UNC." + name + "_jpeg_ls.80.dcm");
    EXPECT_EQ(decode_bytes(read_file(file)), exact) << name;
  }
}

TEST(MultiFrame, OnlyTheFramesAskedForInAnyOrder) {
  CTCLIP_NEEDS_DATA();
  const auto folder = data_dir() / "multiframe/encapsulated/multi-frame";
  for (const std::string name :
       {"CT0012.explicit_little_endian.dcm", "CT0012.fragmented_no_bot_jpeg_ls.80.dcm"}) {
    const MemorySource source(read_file(folder / name));
    const std::vector<Slice> slices = scan_all(source).slices;
    const Images both = decode_all(source, slices);
    EXPECT_EQ(decode_all(source, {slices[1]}), (Images{both[1]})) << name;
    EXPECT_EQ(decode_all(source, {slices[1], slices[0], slices[1]}),
              (Images{both[1], both[0], both[1]}))
        << name;
  }
}

TEST(MultiFrame, AFrameOfAnotherSizeIsRefused) {
  const std::string rows = DicomBuilder::elements().number(0x0028, 0x0010, 200).bytes();
  const std::string group =
      DicomBuilder::elements().raw(0x0028, 0x9110, "SQ", DicomBuilder::item(rows)).bytes();
  DicomBuilder file = ct_header({.frames = "2"});
  file.raw(0x5200, 0x9230, "SQ", DicomBuilder::item("") + DicomBuilder::item(group));
  const MemorySource source(file.raw(0x7FE0, 0x0010, "OW", cells_16(std::vector(12, 1))).bytes());
  const std::vector<Slice> slices = scan_all(source).slices;
  ASSERT_EQ(slices.size(), 2U);
  ASSERT_EQ(slices[1].rows, 200) << "by a functional group";
  const auto [code, message] = error_of([&] { decode_all(source, slices); });
  EXPECT_EQ(code, "undecodable_pixels");
  EXPECT_THAT(message, HasSubstr("frames 1 and 2 are not of the same size"));
}

TEST(MultiFrame, AFrameThatIsMissingIsNamed) {
  CTCLIP_NEEDS_DATA();
  const MemorySource source(read_file(
      data_dir() / "multiframe/encapsulated/multi-frame/CT0012.not_fragmented_no_bot_rle.dcm"));
  std::vector<Slice> slices = scan_all(source).slices;
  slices.push_back(slices.back());
  slices.back().frame = 2;
  for (Slice& slice : slices) slice.frames = 3;
  const auto [code, message] = error_of([&] { decode_all(source, slices); });
  EXPECT_EQ(code, "undecodable_pixels");
  EXPECT_THAT(message, HasSubstr("expected 3 frames, found 2"));
}

TEST(MultiFrame, TheChestStudyIsTheSeriesItWasMadeFrom) {
  CTCLIP_NEEDS_DATA();
  const auto series = open_source(data_dir() / "chest_nlst_jpegls.zip", {});
  const auto file = open_source(data_dir() / "chest_nlst_multiframe_jpegls.dcm", {});
  const auto height = [](const Slice& slice) { return slice.position->at(2); };
  Contents slices = scan_all(*series), frames = scan_all(*file);
  std::ranges::sort(slices.slices, {}, height);
  std::ranges::sort(frames.slices, {}, height);
  for (const std::size_t i : {0, 71, 142}) {
    EXPECT_EQ(decode_all(*series, {slices.slices.at(i)}), decode_all(*file, {frames.slices.at(i)}));
  }
}

TEST(Malformed, SignOfTheCodestreamIsReconciled) {
  CTCLIP_NEEDS_DATA();
  const std::vector<float> hu =
      decode_bytes(read_file(data_dir() / "malformed/J2K_pixelrep_mismatch.dcm")).at(0);
  EXPECT_EQ(*std::ranges::min_element(hu), -2000);  // the scanner's padding outside its circle
  EXPECT_EQ(hu.front(), -2000);
  EXPECT_EQ(*std::ranges::max_element(hu), 1896);
}

TEST(Malformed, EveryFileIsDecodedOrRefused) {
  CTCLIP_NEEDS_DATA();
  for (const auto& entry : std::filesystem::directory_iterator(data_dir() / "malformed")) {
    const auto [code, message] = error_of([&] { decode_bytes(read_file(entry.path())); });
    EXPECT_THAT(code, AnyOf("no error", "undecodable_pixels")) << entry.path() << message;
  }
  EXPECT_THAT(
      error_of([] { decode_bytes(read_file(data_dir() / "malformed/MR_truncated.dcm")); }).second,
      HasSubstr("expected 8192 bytes in frame 1, found 8130"));
}

/// Flips and truncations of a good file, spread over header and pixels: each is decoded or refused.
void damage(const std::string& whole, std::size_t step) {
  const auto outcome = [](const std::string& bytes) {
    return error_of([&] { decode_bytes(bytes); }).first;
  };
  for (std::size_t at = 0; at < whole.size(); at += at < 2'000 ? 257 : step) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    ASSERT_THAT(outcome(bytes), AnyOf("no error", "undecodable_pixels", "image_too_large")) << at;
    ASSERT_THAT(outcome(whole.substr(0, at)),
                AnyOf("no error", "undecodable_pixels", "image_too_large"))
        << at;
  }
}

TEST(Malformed, SurvivesDamageInEveryTransferSyntax) {
  CTCLIP_NEEDS_DATA();
  for (const auto& entry : std::filesystem::directory_iterator(data_dir() / "transfer_syntaxes")) {
    const std::string whole = read_file(entry.path());
    damage(whole, whole.size() / 12);
  }
  const auto folder = data_dir() / "multiframe/encapsulated/multi-frame";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string whole = read_file(entry.path());
    if (entry.path().filename().string().starts_with("CT")) damage(whole, whole.size() / 12);
  }
}

}  // namespace
}  // namespace ctclip
