#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "study/nifti.h"
#include "study/source.h"
#include "study/study.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::ctclip::testing::data_dir;
using ::ctclip::testing::golden;
using ::ctclip::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Loaded {
  Volume volume;
  StudyFacts facts;
  std::optional<Error> error;
};

Loaded load(const std::filesystem::path& path, const StudyOptions& options = {}, int threads = 2) {
  Loaded loaded;
  ThreadPool pool(threads);
  Watch watch;
  try {
    loaded.volume = load_study(path, options, pool, watch, loaded.facts);
  } catch (const Error& error) {
    loaded.error = error;
  }
  return loaded;
}

/// The golden studies are ramps without lungs.
Loaded load_golden(const std::string& name) {
  StudyOptions options;
  options.any_anatomy = true;
  return load(golden("dicom/" + name + ".zip"), options);
}

nlohmann::json facts() {
  std::ifstream stream(golden("dicom/facts.json"));
  return nlohmann::json::parse(stream);
}

/// README of golden/dicom: stored pixel of slice k, row r, column c.
double stored(int64_t k, int64_t r, int64_t c) {
  return 60 + 23 * static_cast<double>(k) + 9 * static_cast<double>(r) +
         11 * static_cast<double>(c);
}

/// One archive: what the HU of its volume are, and where the reference has no zooms or other ones,
/// the spacing.
struct Archive {
  const char* name;
  double slope = 1, intercept = -1024;
  int64_t slices = 30, rows = 16, columns = 12;
  const char* warning = nullptr;
  std::optional<double> slice_spacing = std::nullopt;
  double tolerance = 0;
};

class GoldenArchive : public ::testing::TestWithParam<Archive> {};

double expected_hu(const Archive& a, int64_t k, int64_t r, int64_t c) {
  const std::string name = a.name;
  // Stored in descending z, its pixels counted in the order of the files.
  if (name == "s23_descending_z_sorted") k = a.slices - 1 - k;
  // Rows and columns run the other way, and come back in the usual one.
  if (name == "s14_flipped_orientation") r = a.rows - 1 - r, c = a.columns - 1 - c;
  const double intercept = name == "s24_per_slice_intercept" && k == 5 ? -1000 : a.intercept;
  return stored(k, r, c) * a.slope + intercept;
}

TEST_P(GoldenArchive, GivesTheVolumeOfTheReference) {
  const Archive& archive = GetParam();
  const Loaded loaded = load_golden(archive.name);
  ASSERT_FALSE(loaded.error) << loaded.error->what();
  ASSERT_EQ(loaded.volume.hu.shape(), Shape({archive.slices, archive.rows, archive.columns}));

  const nlohmann::json fact = facts()[archive.name];
  if (archive.slice_spacing) {
    EXPECT_EQ(loaded.volume.spacing[0], static_cast<float>(*archive.slice_spacing));
  } else {
    const auto zooms = fact.at("zooms").get<std::vector<double>>();  // x, y, z
    EXPECT_THAT(loaded.volume.spacing, ElementsAre(zooms[2], zooms[1], zooms[0]));
  }
  const float* hu = loaded.volume.hu.data();
  for (int64_t k = 0; k < archive.slices; ++k) {
    for (int64_t r = 0; r < archive.rows; ++r) {
      for (int64_t c = 0; c < archive.columns; ++c, ++hu) {
        const double expected = expected_hu(archive, k, r, c);
        if (std::string(archive.name) == "s17_padding_value" && *hu == -3024) continue;
        ASSERT_NEAR(*hu, static_cast<float>(expected), archive.tolerance)
            << k << " " << r << " " << c;
      }
    }
  }
  std::vector<std::string> warnings = loaded.facts.warnings;
  ASSERT_FALSE(warnings.empty());
  EXPECT_THAT(warnings.back(), HasSubstr("lungs check was left out"));
  warnings.pop_back();
  if (archive.warning == nullptr) {
    EXPECT_THAT(warnings, IsEmpty());
  } else {
    EXPECT_THAT(warnings, ElementsAre(HasSubstr(archive.warning)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    LoadStudy, GoldenArchive,
    ::testing::Values(
        Archive{.name = "s01_base", .rows = 64, .columns = 48},
        Archive{.name = "s02_reverse_order", .rows = 64, .columns = 48},
        Archive{.name = "s03_duplicate_slice",
                .rows = 64,
                .columns = 48,
                .warning = "1 image at the position of another"},
        // The reference fails; the image with the smaller SOPInstanceUID stays.
        Archive{.name = "s04_same_position_other_pixels",
                .warning = "1 image at the position of another",
                .slice_spacing = 3},
        // The reference fails; half of both neighbours is the missing slice of a ramp exactly.
        Archive{.name = "s05_missing_slice",
                .rows = 64,
                .columns = 48,
                .warning = "A slice is missing between -1.0 and 5.0 mm",
                .slice_spacing = 3},
        Archive{.name = "s06_slope2", .slope = 2, .intercept = -1500, .rows = 64, .columns = 48},
        Archive{.name = "s07_identity_spacing", .rows = 64, .columns = 48},
        Archive{.name = "s08_anisotropic_pixel_spacing", .rows = 64, .columns = 48},
        Archive{.name = "s09_instance_numbers_shuffled", .slice_spacing = 3},
        Archive{.name = "s10_signed_12bit"}, Archive{.name = "s11_no_rescale"},
        Archive{.name = "s13_spacing_jitter"},
        Archive{.name = "s14_flipped_orientation", .warning = "stored turned or mirrored"},
        Archive{.name = "s15_localizer_inside", .warning = "1 image of another size"},
        Archive{.name = "s17_padding_value"}, Archive{.name = "s18_implicit_vr_no_extension"},
        // The reference loses half of the files.
        Archive{.name = "s19_same_names_in_two_folders"},
        Archive{.name = "s21_one_without_instance_number"},
        Archive{.name = "s23_descending_z_sorted", .rows = 64, .columns = 48},
        Archive{.name = "s24_per_slice_intercept"},
        Archive{.name = "s26_no_preamble", .slice_spacing = 3},
        Archive{.name = "s27_empty_instance_number", .slice_spacing = 3},
        Archive{.name = "s28_empty_slice_location", .slice_spacing = 3},
        Archive{.name = "s29_small_tilt", .warning = "sheared by 2.9 degrees"},
        // A slice 0.3 mm away from its place holds the values of its place: a tenth of 23 HU off.
        Archive{.name = "s30_jitter_too_large",
                .warning = "resampled to 3.00 mm",
                .slice_spacing = 3,
                .tolerance = 2.5},
        Archive{.name = "s31_unsigned_12bit_junk_bits"}),
    [](const auto& info) { return std::string(info.param.name).substr(0, 3); });

TEST(LoadStudy, AppliesFractionalSlopesInDouble) {
  const Loaded loaded = load_golden("s22_fractional_slope");
  ASSERT_FALSE(loaded.error);
  const nlohmann::json fact = facts()["s22_fractional_slope"];
  const auto [low, high] =
      std::minmax_element(loaded.volume.hu.values().begin(), loaded.volume.hu.values().end());
  EXPECT_EQ(*low, fact["hu_min"].get<float>());
  EXPECT_EQ(*high, fact["hu_max"].get<float>());
}

TEST(LoadStudy, KeepsPaddingBelowAir) {
  const Loaded loaded = load_golden("s17_padding_value");
  ASSERT_FALSE(loaded.error);
  const auto values = loaded.volume.hu.values();
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), -3024);
  EXPECT_EQ(*std::max_element(values.begin(), values.end()), -86);
}

TEST(LoadStudy, RefusesGoldenArchivesThatMakeNoVolume) {
  const std::pair<const char*, Code> refused[] = {
      {"s12_gantry_tilt", Code::gantry_tilt},  {"s16_sagittal", Code::no_axial_series},
      {"s20_19_slices", Code::too_few_slices}, {"s25_two_phases", Code::inconsistent_geometry},
      {"sel5_none", Code::too_few_slices},
  };
  for (const auto& [name, code] : refused) {
    const Loaded loaded = load_golden(name);
    ASSERT_TRUE(loaded.error) << name;
    EXPECT_EQ(loaded.error->code(), code) << name << ": " << loaded.error->what();
    EXPECT_EQ(loaded.facts.study_uid, "1.2.826.0.1.3680043.10.9999.1") << name;
  }
}

TEST(LoadStudy, ChoosesTheSeriesOfTheReference) {
  const nlohmann::json selection = facts()["series_selection"];
  for (const char* name :
       {"sel1_lung_preferred", "sel2_standard", "sel3_largest", "sel4_substring"}) {
    const Loaded loaded = load_golden(name);
    ASSERT_FALSE(loaded.error) << name << ": " << loaded.error->what();
    EXPECT_EQ(loaded.facts.series_uid, selection[name]["selected_series"]) << name;
    EXPECT_EQ(loaded.volume.hu.dim(0), selection[name]["files"]) << name;
  }
  // The reference takes the MR series, as it has more files.
  EXPECT_EQ(load_golden("sel6_other_modality").facts.series_uid, "1.2.826.0.1.3680043.10.9999.11");
}

/// Puts the files of a golden archive into a folder, under names of their own.
void extract(const std::string& name, const std::filesystem::path& folder) {
  const auto source = open_source(golden("dicom/" + name + ".zip"), Limits());
  for (std::size_t file = 0; file < source->size(); ++file) {
    std::ofstream out(folder / (name + std::to_string(file)), std::ios::binary);
    const auto stream = source->open(file);
    std::array<std::byte, 4096> bytes;
    while (const std::size_t count = stream->read(bytes)) {
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(count));
    }
  }
}

TEST(LoadStudy, NamesAnotherCandidateWhereTheChosenSeriesMakesNoVolume) {
  const TempDir dir;
  extract("s12_gantry_tilt", dir.path());      // 30 slices
  extract("sel6_other_modality", dir.path());  // a CT series of 25, and an MR series
  StudyOptions options;
  options.any_anatomy = true;
  const Loaded loaded = load(dir.path(), options);
  ASSERT_TRUE(loaded.error);
  EXPECT_EQ(loaded.error->code(), Code::gantry_tilt);
  EXPECT_THAT(
      loaded.error->what(),
      HasSubstr("Another candidate can be asked for: series 1.2.826.0.1.3680043.10.9999.11."));
  EXPECT_THAT(load_golden("s12_gantry_tilt").error->what(),
              ::testing::Not(HasSubstr("Another candidate")));
  options.series_uid = "1.2.826.0.1.3680043.10.9999.11";
  EXPECT_FALSE(load(dir.path(), options).error);
}

TEST(LoadStudy, LooksForLungsUnlessToldOtherwise) {
  const Loaded loaded = load(golden("dicom/s01_base.zip"));
  ASSERT_TRUE(loaded.error);
  EXPECT_EQ(loaded.error->code(), Code::no_lungs);
  EXPECT_EQ(loaded.facts.series_uid, "1.2.826.0.1.3680043.10.9999.2") << "known even so";
  EXPECT_EQ(loaded.facts.shape, Shape({30, 64, 48}));
}

TEST(LoadStudy, ReadsNiftiByItsContent) {
  const TempDir dir;
  const auto path = dir.path() / "study.bin";
  std::filesystem::copy_file(golden("preprocess/vol_a_120x110x37.nii.gz"), path);
  StudyOptions options;
  options.any_anatomy = true;
  const Loaded loaded = load(path, options);
  ASSERT_FALSE(loaded.error) << loaded.error->what();
  EXPECT_EQ(loaded.facts.format, "nifti");
  EXPECT_EQ(loaded.volume.hu.shape(), Shape({37, 110, 120}));
  options.series_uid = "1.2";
  EXPECT_EQ(load(path, options).error->code(), Code::series_not_found);
}

TEST(LoadStudy, SaysWhatItIsNot) {
  const TempDir dir;
  std::ofstream(dir.path() / "text.txt") << "no study";
  EXPECT_EQ(load(dir.path() / "text.txt").error->code(), Code::unsupported_format);
  EXPECT_EQ(load(dir.path() / "absent").error->code(), Code::unsupported_format);
  const Loaded folder = load(dir.path());
  ASSERT_TRUE(folder.error);
  EXPECT_EQ(folder.error->code(), Code::no_dicom);
  EXPECT_EQ(folder.facts.format, "folder");
}

TEST(LoadStudy, NamesItsStagesAndCounts) {
  std::vector<std::string> stages;
  int64_t decoded = 0;
  Watch watch({}, [&](std::string_view stage, int64_t done, int64_t) {
    if (stages.empty() || stages.back() != stage) stages.emplace_back(stage);
    if (stage == "decode") decoded = std::max(decoded, done);
  });
  ThreadPool pool(2);
  StudyFacts facts;
  EXPECT_THROW(load_study(golden("dicom/s01_base.zip"), {}, pool, watch, facts), Error);
  EXPECT_THAT(stages, ElementsAre("scan", "decode", "lungs"));
  EXPECT_EQ(decoded, 30);
}

void expect_refused(const std::string& name, Code code) {
  const Loaded loaded = load(data_dir() / name);
  ASSERT_TRUE(loaded.error) << name;
  EXPECT_EQ(loaded.error->code(), code) << name << ": " << loaded.error->what();
}

TEST(RealStudies, AreAnsweredOrRefusedAsTheirIndexSays) {
  CTCLIP_NEEDS_DATA();
  expect_refused("head_tilted_uneven.zip", Code::gantry_tilt);
  expect_refused("transfer_syntaxes", Code::too_few_slices);
  expect_refused("multiframe", Code::too_few_slices);
  expect_refused("malformed", Code::too_few_slices);
  for (const char* folder : {"transfer_syntaxes", "multiframe", "malformed"}) {
    for (const auto& entry : std::filesystem::directory_iterator(data_dir() / folder)) {
      EXPECT_TRUE(load(entry.path()).error) << entry.path();
    }
  }
}

TEST(RealStudies, MultiFrameGivesTheVolumeOfTheSeriesAtAnyNumberOfThreads) {
  CTCLIP_NEEDS_DATA();
  const Loaded series = load(data_dir() / "chest_nlst_jpegls.zip");
  ASSERT_FALSE(series.error) << series.error->what();
  EXPECT_EQ(series.volume.hu.shape(), Shape({143, 512, 512}));
  EXPECT_THAT(series.volume.spacing, ElementsAre(2.0F, 0.54F, 0.54F));
  EXPECT_EQ(series.facts.choice.series.front().kernel_class, KernelClass::lung);
  EXPECT_THAT(series.facts.warnings, IsEmpty());
  ASSERT_TRUE(series.facts.lungs);
  // The normal range of two lungs, 4.5 +- 1.3 l: the thresholds are far from it.
  EXPECT_NEAR(series.facts.lungs->litres, 4.1, 0.3);

  const Loaded frames = load(data_dir() / "chest_nlst_multiframe_jpegls.dcm", {}, 3);
  ASSERT_FALSE(frames.error) << frames.error->what();
  EXPECT_EQ(frames.facts.format, "dicom");
  EXPECT_EQ(frames.volume.spacing, series.volume.spacing);
  EXPECT_EQ(frames.volume.to_patient, series.volume.to_patient);
  ASSERT_EQ(frames.volume.hu.shape(), series.volume.hu.shape());
  EXPECT_TRUE(std::equal(frames.volume.hu.values().begin(), frames.volume.hu.values().end(),
                         series.volume.hu.values().begin()));

  // And so does NIfTI, there and back.
  const TempDir dir;
  write_nifti(dir.path() / "chest.nii", series.volume);
  const Loaded nifti = load(dir.path() / "chest.nii");
  ASSERT_FALSE(nifti.error) << nifti.error->what();
  EXPECT_EQ(nifti.volume.spacing, series.volume.spacing);
  EXPECT_TRUE(std::equal(nifti.volume.hu.values().begin(), nifti.volume.hu.values().end(),
                         series.volume.hu.values().begin()));
}

}  // namespace
}  // namespace ctclip
