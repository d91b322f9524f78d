#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "study/slice.h"
#include "study_testing.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::cells_16;
using testing::ct_header;
using testing::CtHeader;
using testing::data_dir;
using testing::DicomBuilder;
using testing::error_of;
using testing::golden;
using ::testing::HasSubstr;
using testing::MemorySource;
using testing::read_file;
using testing::scan_all;

Contents scan_path(const std::filesystem::path& path) { return scan_all(*open_source(path, {})); }

/// A valid slice of 2 x 3 pixels.
std::string ordinary() {
  return ct_header({}).raw(0x7FE0, 0x0010, "OW", cells_16({0, 1, 2, 3, 4, 5})).bytes();
}

std::string defect_of(const std::string& bytes) {
  const Contents contents = scan_all(MemorySource(bytes));
  if (contents.slices.size() != 1) return std::to_string(contents.slices.size()) + " slices";
  return contents.slices.front().defect;
}

/// `bytes` without the element (group, element), which has a short explicit length.
std::string without(std::string bytes, uint16_t group, uint16_t element) {
  const std::size_t at = bytes.find(DicomBuilder::u16(group) + DicomBuilder::u16(element), 132);
  const auto length = static_cast<unsigned char>(bytes.at(at + 6));
  return bytes.erase(at, 8u + length);
}

TEST(Scan, ReadsEveryGoldenStudy) {
  const std::vector<std::pair<std::string, std::size_t>> studies = {
      {"s01_base", 30},
      {"s03_duplicate_slice", 31},
      {"s15_localizer_inside", 31},
      {"s18_implicit_vr_no_extension", 30},
      {"s19_same_names_in_two_folders", 30},
      {"s20_19_slices", 19},
      {"s21_one_without_instance_number", 30},
      {"s25_two_phases", 40},
      {"s26_no_preamble", 30},
      {"s27_empty_instance_number", 30},
      {"s28_empty_slice_location", 30},
  };
  for (const auto& [name, count] : studies) {
    const Contents contents = scan_path(golden("dicom/" + name + ".zip"));
    EXPECT_EQ(contents.slices.size(), count) << name;
    for (const Slice& slice : contents.slices) {
      EXPECT_EQ(slice.defect, "") << name;
      EXPECT_TRUE(slice.position && slice.orientation && slice.pixel_spacing) << name;
      EXPECT_EQ(slice.modality, "CT") << name;
    }
  }
}

TEST(Scan, ReadsTheAttributesOfASlice) {
  const Contents contents = scan_path(golden("dicom/s08_anisotropic_pixel_spacing.zip"));
  const Slice& slice = contents.slices.at(1);
  EXPECT_EQ(slice.file, 1u);
  EXPECT_EQ(slice.frame, 0);
  EXPECT_EQ(slice.frames, 1);
  EXPECT_EQ(slice.series_uid, "1.2.826.0.1.3680043.10.9999.2");
  EXPECT_EQ(slice.sop_class_uid, "1.2.840.10008.5.1.4.1.1.2");
  EXPECT_EQ(slice.transfer_syntax, "1.2.840.10008.1.2.1");
  EXPECT_EQ(slice.rows, 64);
  EXPECT_EQ(slice.columns, 48);
  EXPECT_EQ(*slice.pixel_spacing, (std::array<double, 2>{0.9, 0.6}));
  EXPECT_EQ(*slice.orientation, (std::array<double, 6>{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(slice.intercept, -1024);
  EXPECT_EQ(slice.image_type, (std::vector<std::string>{"ORIGINAL", "PRIMARY", "AXIAL"}));
  EXPECT_FALSE(slice.padding);
}

TEST(Scan, ReadsKernelsOfOneAndOfSeveralValues) {
  std::string bytes = ct_header({}).bytes();
  const std::string kernel =
      DicomBuilder::elements().text(0x0018, 0x1210, "SH", "Br59d\\3").bytes();
  bytes.insert(bytes.find(DicomBuilder::u16(0x0020) + DicomBuilder::u16(0x000D)), kernel);
  const Contents contents = scan_all(MemorySource(bytes));
  EXPECT_EQ(contents.slices.at(0).convolution_kernel, (std::vector<std::string>{"Br59d", "3"}));
}

TEST(Scan, PassesOverWhatIsNoImageAndCountsIt) {
  testing::TempDir dir;
  testing::write_zip(dir.path() / "inner.zip", {{"1.dcm", ordinary()}});
  DicomBuilder directory;
  const std::string directory_bytes =
      std::string(128, '\0') + "DICM" +
      DicomBuilder::elements().text(0x0002, 0x0002, "UI", "1.2.840.10008.1.3.10").bytes() +
      directory.bytes().substr(132);
  const std::string report =
      DicomBuilder().text(0x0008, 0x0060, "CS", "SR").text(0x0020, 0x000D, "UI", "1.2").bytes();
  const MemorySource source({{"a/.hidden", ordinary()},
                             {"__MACOSX/a/1", ordinary()},
                             {".git\\1", ordinary()},
                             {"DICOMDIR", ordinary()},
                             {"disc/dicomdir", ordinary()},
                             {"index", directory_bytes},
                             {"readme.txt", "text"},
                             {"empty", ""},
                             {"nested.zip", read_file(dir.path() / "inner.zip")},
                             {"report.dcm", report},
                             {"../../x", ordinary()},
                             {"b/1", ordinary()}});
  const Contents contents = scan_all(source);
  EXPECT_EQ(contents.hidden, 3);
  EXPECT_EQ(contents.dicomdir, 3);
  EXPECT_EQ(contents.not_dicom, 3);
  EXPECT_EQ(contents.no_image, 1);
  ASSERT_EQ(contents.slices.size(), 2u);
  EXPECT_EQ(contents.slices[0].file, 10u);
  EXPECT_EQ(contents.slices[1].file, 11u);
}

TEST(Scan, NamesWhatMakesASliceInvalid) {
  EXPECT_EQ(defect_of(ordinary()), "");
  EXPECT_EQ(defect_of(without(ordinary(), 0x0020, 0x000D)),
            "no StudyInstanceUID, or none that is a UID");
  EXPECT_EQ(defect_of(without(ordinary(), 0x0020, 0x000E)),
            "no SeriesInstanceUID, or none that is a UID");
  EXPECT_EQ(defect_of(without(ordinary(), 0x0008, 0x0018)),
            "no SOPInstanceUID, or none that is a UID");
  EXPECT_EQ(defect_of(without(ordinary(), 0x0008, 0x0060)), "no Modality");
  EXPECT_EQ(defect_of(without(ordinary(), 0x0028, 0x0010)), "no Rows or no Columns");
  EXPECT_EQ(defect_of(without(ordinary(), 0x0028, 0x0011)), "no Rows or no Columns");
  EXPECT_EQ(defect_of(ct_header({}).bytes()), "no PixelData");
  EXPECT_EQ(defect_of(ct_header({}).raw(0x7FE0, 0x0010, "OW", "").bytes()), "no PixelData");
  const auto with = [](const CtHeader& header) {
    return defect_of(ct_header(header).raw(0x7FE0, 0x0010, "OW", cells_16({1, 2})).bytes());
  };
  EXPECT_THAT(with({.samples = 3, .photometric = "RGB"}), HasSubstr("colour"));
  EXPECT_THAT(with({.photometric = "PALETTE COLOR"}), HasSubstr("monochrome"));
  EXPECT_THAT(with({.bits_allocated = 32}), HasSubstr("BitsAllocated"));
  EXPECT_THAT(with({.bits_stored = 17}), HasSubstr("BitsStored"));
  EXPECT_THAT(with({.bits_stored = 0}), HasSubstr("BitsStored"));
  EXPECT_THAT(with({.slope = "nan"}), HasSubstr("RescaleSlope"));
  EXPECT_THAT(with({.slope = "0"}), HasSubstr("RescaleSlope"));
  EXPECT_THAT(with({.slope = "1e300"}), HasSubstr("no sane number"));
  EXPECT_THAT(with({.intercept = "-1e38"}), HasSubstr("no sane number"));
  EXPECT_THAT(with({.frames = "2000000000"}), HasSubstr("NumberOfFrames"));
  EXPECT_THAT(with({.frames = "3"}), HasSubstr("0 frames are described"));
}

TEST(Scan, RefusesATableInsteadOfARescale) {
  std::string bytes = ct_header({}).raw(0x0028, 0x3000, "SQ", DicomBuilder::item("")).bytes();
  bytes += DicomBuilder::elements().raw(0x7FE0, 0x0010, "OW", cells_16({1, 2})).bytes();
  EXPECT_THAT(defect_of(bytes), HasSubstr("Modality LUT"));
}

TEST(Scan, RescaleNeedsBothOfItsAttributes) {
  const auto slice_with = [](const CtHeader& header) {
    DicomBuilder file = ct_header(header);
    file.raw(0x7FE0, 0x0010, "OW", cells_16({0, 1, 2, 3, 4, 5}));
    return scan_all(MemorySource(file.bytes())).slices.at(0);
  };
  EXPECT_EQ(slice_with({.slope = ""}).intercept, 0);
  EXPECT_EQ(slice_with({.intercept = ""}).slope, 1);
  EXPECT_EQ(slice_with({.slope = " +2.5e0 ", .intercept = "-7"}).slope, 2.5);
}

TEST(Scan, TextIsPrintable) {
  std::string bytes = ordinary();
  bytes.replace(bytes.find(DicomBuilder::u16(0x0008) + DicomBuilder::u16(0x0060)) + 8, 2, "\xFF\n");
  EXPECT_EQ(scan_all(MemorySource(bytes)).slices.at(0).modality, "??");
}

TEST(Scan, AbsurdSizesAreOnlyNumbers) {
  const Contents contents = scan_all(MemorySource(
      ct_header({.rows = 65'535, .columns = 65'535}).raw(0x7FE0, 0x0010, "OW", "xx").bytes()));
  EXPECT_EQ(contents.slices.at(0).rows, 65'535);
}

TEST(Scan, HeaderCannotBeEndless) {
  Limits limits;
  limits.header_bytes = 100'000;
  std::string bytes = ct_header({}).bytes();
  for (int i = 0; i < 3'000; ++i) {
    bytes += DicomBuilder::elements()
                 .text(0x0029, static_cast<uint16_t>(0x1000 + i), "LO", std::string(40, 'x'))
                 .bytes();
  }
  const MemorySource source(bytes);
  EXPECT_THAT(scan_all(source, limits).slices.at(0).defect, HasSubstr("more than 100000 bytes"));
  EXPECT_EQ(scan_all(source).slices.at(0).defect, "no PixelData");
}

TEST(Scan, SkipsLongValuesAndBelievesNoLength) {
  const std::string tail =
      DicomBuilder::elements().raw(0x7FE0, 0x0010, "OW", cells_16({0, 1, 2, 3, 4, 5})).bytes();
  const std::string long_value(10 << 20, 'x');  // more than header_bytes, but never kept
  EXPECT_EQ(defect_of(ct_header({}).raw(0x0029, 0x1000, "OB", long_value).bytes() + tail), "");
  EXPECT_EQ(defect_of(ct_header({}).raw(0x0029, 0x1000, "OB", "x", 0xFFFFFFF0u).bytes()),
            "its header is cut off");
}

TEST(Scan, NestingIsBounded) {
  std::string bytes = ct_header({}).bytes();
  std::string level = DicomBuilder::elements().raw(0x0029, 0x1000, "SQ", "", 0xFFFFFFFFu).bytes();
  level = level + DicomBuilder::u16(0xFFFE) + DicomBuilder::u16(0xE000) +
          DicomBuilder::u32(0xFFFFFFFFu);
  for (int i = 0; i < 150'000; ++i) bytes += level;
  EXPECT_EQ(defect_of(bytes), "its header nests sequences too deeply");
}

TEST(Scan, TimeForOneHeaderIsBounded) {
  std::string bytes = DicomBuilder().bytes();
  for (int i = 0; i < 400'000; ++i) {  // each element goes before all the others
    bytes += DicomBuilder::u16(0x2009 - 2 * (i >> 16)) + DicomBuilder::u16(0xFFFF - (i & 0xFFFF)) +
             "LO" + DicomBuilder::u16(0);
  }
  EXPECT_EQ(defect_of(bytes), "its header takes too long to read");
}

TEST(Scan, ADataSetMayBeginWithItsPixels) {
  EXPECT_EQ(defect_of(DicomBuilder().raw(0x7FE0, 0x0010, "OW", "xx").bytes()),
            "no StudyInstanceUID, or none that is a UID");
}

TEST(Scan, SaysNothingOnTheConsole) {
  std::string bytes = ct_header({}).bytes();
  bytes.resize(bytes.size() - 3);
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(defect_of(bytes), "its header is cut off");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Scan, SurvivesFlippedBytesAndTruncation) {
  const std::string whole = ordinary();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0xFF, 0x01, 0x80}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      EXPECT_NO_THROW(scan_all(MemorySource(bytes))) << at;
    }
    EXPECT_NO_THROW(scan_all(MemorySource(whole.substr(0, at)))) << at;
  }
}

TEST(Scan, IsCancelled) {
  std::stop_source stop;
  stop.request_stop();
  Watch watch(stop.get_token());
  ThreadPool pool(2);
  const MemorySource source(std::vector<testing::ZipEntry>(10, {"1", ordinary()}));
  EXPECT_EQ(error_of([&] { scan(source, {}, pool, watch); }).first, "cancelled");
}

TEST(Scan, AllImagesTogetherAreBounded) {
  Limits limits;
  limits.entries = 9;
  const MemorySource source(std::vector<testing::ZipEntry>(10, {"1", ordinary()}));
  EXPECT_EQ(error_of([&] { scan_all(source, limits); }).first, "too_many_slices");
}

TEST(Scan, DamageOfTheArchiveIsNoMissingSlice) {
  testing::TempDir dir;
  testing::write_zip(dir.path() / "a.zip", {{"1", ordinary()}}, nullptr, ZIP_CM_STORE);
  std::string bytes = read_file(dir.path() / "a.zip");
  bytes[bytes.find("SECRET")] = 'X';
  testing::write_file(dir.path() / "a.zip", bytes);
  EXPECT_EQ(error_of([&] { scan_path(dir.path() / "a.zip"); }).first, "damaged_archive");
}

TEST(Scan, EnhancedFramesAreSlices) {
  CTCLIP_NEEDS_DATA();
  const Contents contents = scan_path(
      data_dir() / "multiframe/encapsulated/multi-frame/CT0012.explicit_little_endian.dcm");
  ASSERT_EQ(contents.slices.size(), 2u);
  for (int frame = 0; frame < 2; ++frame) {
    const Slice& slice = contents.slices[static_cast<std::size_t>(frame)];
    EXPECT_EQ(slice.defect, "");
    EXPECT_EQ(slice.frame, frame);
    EXPECT_EQ(slice.frames, 2);
    EXPECT_EQ(slice.intercept, -1024);
    EXPECT_TRUE(slice.position && slice.orientation && slice.pixel_spacing);
    EXPECT_EQ(slice.slice_thickness, 10.0);
  }
  EXPECT_NE(contents.slices[0].position, contents.slices[1].position);
}

TEST(Scan, LegacyConvertedStudyIsTheSeriesItWasMadeFrom) {
  CTCLIP_NEEDS_DATA();
  Contents series = scan_path(data_dir() / "chest_nlst_jpegls.zip");
  Contents frames = scan_path(data_dir() / "chest_nlst_multiframe_jpegls.dcm");
  ASSERT_EQ(frames.slices.size(), 143u);
  ASSERT_EQ(series.slices.size(), 143u);
  const auto height = [](const Slice& slice) { return slice.position->at(2); };
  std::ranges::sort(series.slices, {}, height);
  std::ranges::sort(frames.slices, {}, height);
  for (std::size_t i = 0; i < 143; ++i) {
    const Slice &a = series.slices[i], &b = frames.slices[i];
    EXPECT_EQ(b.defect, "");
    EXPECT_EQ(a.position, b.position);
    EXPECT_EQ(a.orientation, b.orientation);
    EXPECT_EQ(a.pixel_spacing, b.pixel_spacing);
    EXPECT_EQ(a.convolution_kernel, b.convolution_kernel);
    EXPECT_EQ(a.intercept, b.intercept);
    EXPECT_EQ(b.body_part, "CHEST");
  }
}

TEST(Scan, ReadsOrRefusesEveryMalformedFile) {
  CTCLIP_NEEDS_DATA();
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"693_J2KI.dcm", ""},
      {"CT_small.dcm", ""},
      {"ExplVR_BigEndNoMeta.dcm", "no image"},
      {"ExplVR_LitEndNoMeta.dcm", "no image"},
      {"J2K_pixelrep_mismatch.dcm", ""},
      {"JPEG2000-embedded-sequence-delimiter.dcm", ""},
      {"MR_small.dcm", ""},
      {"MR_truncated.dcm", ""},
      {"TestPattern_RGB.dcm", "3 samples per pixel: a colour image"},
      {"UN_sequence.dcm", "no image"},
      {"badVR.dcm", "BitsAllocated is 32, not 8 or 16"},
      {"no-pixel-data.dcm", "no image"},
      {"no_meta.dcm", "no DICOM"},
      {"no_meta_group_length.dcm", "no image"},
      {"reportsi.dcm", "no image"},
      {"rtdose.dcm", "BitsAllocated is 32, not 8 or 16"},
      {"rtplan_truncated.dcm", "its header is cut off"},
  };
  for (const auto& [name, found] : expected) {
    const Contents contents = scan_all(MemorySource(read_file(data_dir() / "malformed" / name)));
    const std::string what = contents.not_dicom > 0  ? "no DICOM"
                             : contents.no_image > 0 ? "no image"
                                                     : contents.slices.at(0).defect;
    EXPECT_EQ(what, found) << name;
  }
}

}  // namespace
}  // namespace ctclip
