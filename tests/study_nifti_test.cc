#include "study/nifti.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "study/nifti_header.h"
#include "testing.h"

namespace ctclip {
namespace {

using ::ctclip::testing::golden;
using ::ctclip::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Columns i, j, k and origin of an affine, RAS as in the file.
using Affine = std::array<std::array<double, 3>, 4>;
constexpr Affine kUsual = {{{-0.5, 0, 0}, {0, -0.75, 0}, {0, 0, 2}, {10, 20, 30}}};

/// A NIfTI file as a test wants it, written by hand: independent of the code under test.
struct File {
  int version = 1;
  bool swapped = false, gzipped = false;
  NiftiType type = NiftiType::int16;
  int16_t bits = 16;
  std::vector<int64_t> size = {3, 4, 20};
  std::array<double, 3> pixdim = {0.5, 0.75, 2};
  double slope = 0, intercept = 0, data_offset = 0;
  int sform = 1, qform = 0;
  Affine affine = kUsual;
  std::array<double, 3> quatern = {0, 0, 1};  // half a turn about z: RAS to LPS
  std::array<double, 3> qoffset = {10, 20, 30};
  double qfac = 1;
  std::string magic = "n+1";
  uint8_t units = 2;
  std::function<double(int64_t)> value = [](int64_t n) { return static_cast<double>(n % 97); };

  template <typename T>
  void put(std::string& bytes, std::size_t offset, T value) const {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    if (swapped) std::reverse(raw, raw + sizeof(T));
    bytes.replace(offset, sizeof(T), raw, sizeof(T));
  }
  void real(std::string& bytes, std::size_t first, std::size_t second, std::size_t i,
            double value) const {
    if (version == 1) {
      put(bytes, first + 4 * i, static_cast<float>(value));
    } else {
      put(bytes, second + 8 * i, value);
    }
  }
  void small(std::string& bytes, std::size_t first, std::size_t second, int value) const {
    if (version == 1) {
      put(bytes, first, static_cast<int16_t>(value));
    } else {
      put(bytes, second, static_cast<int32_t>(value));
    }
  }

  std::string header() const {
    const std::size_t start = version == 1 ? 352 : 544;
    std::string b(start, '\0');
    put(b, 0, version == 1 ? 348 : 540);
    for (std::size_t i = 0; i < 8; ++i) {
      const int64_t n = i == 0             ? static_cast<int64_t>(size.size())
                        : i <= size.size() ? size[i - 1]
                                           : 1;
      if (version == 1) {
        put(b, 40 + 2 * i, static_cast<int16_t>(n));
      } else {
        put(b, 16 + 8 * i, n);
      }
    }
    put(b, version == 1 ? 70 : 12, static_cast<int16_t>(type));
    put(b, version == 1 ? 72 : 14, bits);
    real(b, 76, 104, 0, qfac);
    for (std::size_t i = 0; i < 3; ++i) real(b, 76, 104, i + 1, pixdim[i]);
    const double offset = data_offset == 0 ? static_cast<double>(start) : data_offset;
    if (version == 1) {
      put(b, 108, static_cast<float>(offset));
      b[123] = static_cast<char>(units);
      b.replace(344, magic.size(), magic);
    } else {
      put(b, 168, static_cast<int64_t>(offset));
      put(b, 500, static_cast<int32_t>(units));
      b.replace(4, 8, std::string("n+2\0\r\n\x1a\n", 8));
    }
    real(b, 112, 176, 0, slope);
    real(b, 116, 184, 0, intercept);
    small(b, 252, 344, qform);
    small(b, 254, 348, sform);
    for (std::size_t i = 0; i < 3; ++i) {
      real(b, 256, 352, i, quatern[i]);
      real(b, 268, 376, i, qoffset[i]);
      for (std::size_t c = 0; c < 4; ++c) real(b, 280 + 16 * i, 400 + 32 * i, c, affine[c][i]);
    }
    return b;
  }

  template <typename T>
  std::string data() const {
    int64_t count = 1;
    for (int64_t n : size) count *= n;
    std::string bytes(static_cast<std::size_t>(count) * sizeof(T), '\0');
    for (int64_t n = 0; n < count; ++n) {
      put(bytes, static_cast<std::size_t>(n) * sizeof(T), static_cast<T>(value(n)));
    }
    return bytes;
  }
  std::string data() const {
    switch (type) {
      case NiftiType::uint8:
        return data<uint8_t>();
      case NiftiType::int8:
        return data<int8_t>();
      case NiftiType::int16:
        return data<int16_t>();
      case NiftiType::uint16:
        return data<uint16_t>();
      case NiftiType::int32:
        return data<int32_t>();
      case NiftiType::uint32:
        return data<uint32_t>();
      case NiftiType::int64:
        return data<int64_t>();
      case NiftiType::uint64:
        return data<uint64_t>();
      case NiftiType::float32:
        return data<float>();
      case NiftiType::float64:
        return data<double>();
    }
    return data<int16_t>();
  }
};

class ReadNifti : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& bytes, bool gzipped = false) {
    auto path = dir_.path() / (gzipped ? "v.nii.gz" : "v.nii");
    if (gzipped) {
      gzFile file = gzopen(path.c_str(), "wb");
      gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
      gzclose(file);
    } else {
      std::ofstream(path, std::ios::binary) << bytes;
    }
    return path;
  }
  Assembly read(const File& file) {
    return read_path(write(file.header() + file.data(), file.gzipped));
  }
  static Assembly read_path(const std::filesystem::path& path, const Limits& limits = {}) {
    Watch watch;
    return read_nifti(path, limits, watch);
  }
  static Error refusal(const std::filesystem::path& path, const Limits& limits = {}) {
    try {
      read_path(path, limits);
    } catch (const Error& error) {
      return error;
    }
    return {Code::internal, "it was not refused"};
  }
  Error refusal(const File& file) {
    return refusal(write(file.header() + file.data(), file.gzipped));
  }

  TempDir dir_;
};

void expect_usual(const Assembly& assembly, const File& file = {}) {
  EXPECT_EQ(assembly.volume.hu.shape(), Shape({20, 4, 3}));
  EXPECT_THAT(assembly.volume.spacing, ElementsAre(2, 0.75F, 0.5F));
  for (int64_t n = 0; n < assembly.volume.hu.size(); ++n) {
    ASSERT_EQ(assembly.volume.hu.values()[static_cast<std::size_t>(n)],
              static_cast<float>(file.value(n)))
        << n;
  }
  // LPS: x and y change their sign.
  EXPECT_THAT(assembly.volume.to_patient,
              ElementsAre(0, 0, 0.5, -10, 0, 0.75, 0, -20, 2, 0, 0, 30));
}

TEST_F(ReadNifti, ReadsEveryTypeInBothVersionsAndByteOrders) {
  const std::pair<NiftiType, int16_t> types[] = {
      {NiftiType::uint8, 8},    {NiftiType::int8, 8},    {NiftiType::int16, 16},
      {NiftiType::uint16, 16},  {NiftiType::int32, 32},  {NiftiType::uint32, 32},
      {NiftiType::int64, 64},   {NiftiType::uint64, 64}, {NiftiType::float32, 32},
      {NiftiType::float64, 64},
  };
  for (const auto& [type, bits] : types) {
    for (int variant = 0; variant < 8; ++variant) {
      File file;
      file.type = type;
      file.bits = bits;
      file.version = (variant & 1) != 0 ? 2 : 1;
      file.swapped = (variant & 2) != 0;
      file.gzipped = (variant & 4) != 0;
      SCOPED_TRACE(static_cast<int>(type) * 10 + variant);
      const Assembly assembly = read(file);
      expect_usual(assembly, file);
      EXPECT_THAT(assembly.warnings, IsEmpty());
    }
  }
}

TEST_F(ReadNifti, KeepsTheSignOfIntegers) {
  File file;
  file.value = [](int64_t n) { return static_cast<double>(n) - 1024; };
  expect_usual(read(file), file);
}

TEST_F(ReadNifti, ScalesOnceOrNotAtAll) {
  File file;
  file.slope = 0.5;
  file.intercept = -1024;
  EXPECT_EQ(read(file).volume.hu.values()[7], 7 * 0.5F - 1024);
  file.slope = std::nan("");
  EXPECT_EQ(read(file).volume.hu.values()[7], 7);
  file.slope = 0;
  EXPECT_EQ(read(file).volume.hu.values()[7], 7);
}

TEST_F(ReadNifti, TakesQformWhereThereIsNoSform) {
  File file;
  file.sform = 0;
  file.qform = 1;
  expect_usual(read(file), file);
}

TEST_F(ReadNifti, AssumesTheUsualOrientationWhereNoneIsGiven) {
  File file;
  file.sform = 0;
  const Assembly assembly = read(file);
  EXPECT_EQ(assembly.volume.hu.values()[1], 1);
  EXPECT_THAT(assembly.volume.spacing, ElementsAre(2, 0.75F, 0.5F));
  EXPECT_THAT(assembly.warnings, ElementsAre(HasSubstr("nothing of its orientation")));
}

TEST_F(ReadNifti, BringsRasFilesToTheUsualOrientation) {
  File file;
  file.affine = {{{0.5, 0, 0}, {0, 0.75, 0}, {0, 0, -2}, {9, 17.75, 68}}};
  const Volume volume = std::move(read(file).volume);
  EXPECT_THAT(volume.to_patient, ElementsAre(0, 0, 0.5, -10, 0, 0.75, 0, -20, 2, 0, 0, 30));
  // The last voxel stored is the first one: right, front, feet.
  EXPECT_EQ(volume.hu.values()[0], static_cast<float>(file.value(20 * 4 * 3 - 1)));
  EXPECT_EQ(volume.hu.values()[1], static_cast<float>(file.value(20 * 4 * 3 - 2)));
}

TEST_F(ReadNifti, TransposesWhereTheFirstAxisRunsToTheBack) {
  File file;
  file.affine = {{{0, -0.5, 0}, {-0.75, 0, 0}, {0, 0, 2}, {10, 20, 30}}};
  const Volume volume = std::move(read(file).volume);
  EXPECT_EQ(volume.hu.shape(), Shape({20, 3, 4}));
  EXPECT_THAT(volume.spacing, ElementsAre(2, 0.5F, 0.75F));
  EXPECT_EQ(volume.hu.values()[1], static_cast<float>(file.value(3)));
}

TEST_F(ReadNifti, RefusesWhatIsNotAxialAndWhatIsSheared) {
  File file;
  file.affine = {{{0, 0.5, 0}, {0, 0, 0.75}, {2, 0, 0}, {0, 0, 0}}};
  EXPECT_EQ(refusal(file).code(), Code::no_axial_series);
  file.affine = kUsual;
  file.affine[2] = {0, 0.5, 1.94};
  EXPECT_EQ(refusal(file).code(), Code::gantry_tilt);
  file.affine = {{{-0.5, 0, 0}, {-0.2, -0.72, 0}, {0, 0, 2}, {0, 0, 0}}};
  EXPECT_EQ(refusal(file).code(), Code::inconsistent_geometry);
  file.affine[0] = {0, 0, 0};
  EXPECT_EQ(refusal(file).code(), Code::inconsistent_geometry);
  file.affine[0] = {std::nan(""), 0, 0};
  EXPECT_EQ(refusal(file).code(), Code::inconsistent_geometry);
}

TEST_F(ReadNifti, BelievesTheAffineOverPixdim) {
  File file;
  file.pixdim = {1, 1, 1};
  const Assembly assembly = read(file);
  EXPECT_THAT(assembly.volume.spacing, ElementsAre(2, 0.75F, 0.5F));
  EXPECT_THAT(assembly.warnings, ElementsAre(HasSubstr("the affine was taken")));
}

TEST_F(ReadNifti, ConvertsMetres) {
  File file;
  file.units = 1;
  file.pixdim = {0.0005, 0.00075, 0.002};
  for (auto& column : file.affine) {
    for (double& x : column) x /= 1000;
  }
  const Volume volume = std::move(read(file).volume);
  EXPECT_FLOAT_EQ(volume.spacing[0], 2);
  EXPECT_FLOAT_EQ(volume.spacing[2], 0.5F);
}

TEST_F(ReadNifti, TakesAFourthDimensionOfOne) {
  File file;
  file.size = {3, 4, 20, 1};
  expect_usual(read(file), file);
  file.size = {3, 4, 20, 2};
  EXPECT_THAT(refusal(file).what(), HasSubstr("2 volumes along axis 4"));
}

TEST_F(ReadNifti, ReplacesWhatIsNoNumber) {
  File file;
  file.type = NiftiType::float32;
  file.bits = 32;
  file.value = [](int64_t n) { return n == 5 ? std::nan("") : n == 6 ? INFINITY : 3.0; };
  const Assembly assembly = read(file);
  EXPECT_EQ(assembly.volume.hu.values()[5], -1024);
  EXPECT_EQ(assembly.volume.hu.values()[6], -1024);
  EXPECT_EQ(assembly.volume.hu.values()[7], 3);
  EXPECT_THAT(assembly.warnings, ElementsAre(HasSubstr("2 voxels")));
}

TEST_F(ReadNifti, RefusesDamage) {
  const File file;
  const std::string whole = file.header() + file.data();
  for (const std::size_t length : {std::size_t{0}, std::size_t{3}, std::size_t{200},
                                   std::size_t{350}, std::size_t{353}, whole.size() - 1}) {
    const Error error = refusal(write(whole.substr(0, length)));
    EXPECT_EQ(error.code(), Code::damaged_nifti) << length;
  }
  EXPECT_THAT(refusal(write(whole.substr(0, whole.size() - 1))).what(),
              HasSubstr("slice 20 of 20"));
}

TEST_F(ReadNifti, RefusesATruncatedOrAlteredGzipFile) {
  const File file;
  const auto path = write(file.header() + file.data(), true);
  std::ifstream stream(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  for (const std::size_t length : {bytes.size() / 2, bytes.size() - 4, bytes.size() - 9}) {
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    EXPECT_EQ(refusal(path).code(), Code::damaged_nifti) << length;
  }
  bytes[bytes.size() - 8] = static_cast<char>(bytes[bytes.size() - 8] ^ 1);  // the checksum
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(refusal(path).code(), Code::damaged_nifti);
}

TEST_F(ReadNifti, RefusesHeadersThatCannotBe) {
  const auto code = [&](const std::function<void(File&)>& spoil) {
    File file;
    spoil(file);
    std::string bytes = file.header();
    bytes.resize(4000);
    return refusal(write(bytes)).code();
  };
  EXPECT_EQ(code([](File& f) { f.magic = "ni1"; }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.type = static_cast<NiftiType>(32); }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.type = static_cast<NiftiType>(128); }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.bits = 8; }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.size = {3, -4, 20}; }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.size = {3, 4}; }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.data_offset = 4; }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.data_offset = std::nan(""); }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.data_offset = 1e30; }), Code::damaged_nifti);
  EXPECT_EQ(code([](File& f) { f.size = {3, 4, 19}; }), Code::too_few_slices);
  EXPECT_EQ(code([](File& f) { f.size = {3, 4, 5001}; }), Code::too_many_slices);
  EXPECT_EQ(code([](File& f) { f.size = {32000, 32000, 100}; }), Code::image_too_large);
  EXPECT_EQ(code([](File& f) { f.size = {4096, 4096, 5000}; }), Code::image_too_large);
  const int64_t huge = int64_t{1} << 62;
  EXPECT_EQ(code([&](File& f) {
              f.version = 2, f.size = {huge, huge, 100};
            }),
            Code::image_too_large);
  // Within the limits, but not in a file of 4000 bytes: refused before memory is taken.
  EXPECT_EQ(code([](File& f) { f.size = {4000, 4000, 50}; }), Code::damaged_nifti);
}

TEST_F(ReadNifti, StopsWhenCancelled) {
  std::stop_source stop;
  stop.request_stop();
  Watch watch(stop.get_token());
  const File file;
  const auto path = write(file.header() + file.data());
  EXPECT_THROW(read_nifti(path, {}, watch), Error);
}

TEST_F(ReadNifti, ReadsTheGoldenVolumesAlike) {
  Limits limits;
  limits.min_slices = 1;
  const Assembly plain = read_path(golden("preprocess/vol_b_40x36x24_uncompressed.nii"), limits);
  const Assembly zipped = read_path(golden("preprocess/vol_b_40x36x24.nii.gz"), limits);
  ASSERT_EQ(plain.volume.hu.shape(), Shape({24, 36, 40}));
  EXPECT_THAT(plain.volume.spacing, ElementsAre(1.25F, 0.7F, 0.7F));
  EXPECT_THAT(plain.warnings, IsEmpty());
  // int16 from byte 352 on, x fastest, no flip: as the golden tensors have it.
  std::ifstream stream(golden("preprocess/vol_b_40x36x24_uncompressed.nii"), std::ios::binary);
  stream.seekg(352);
  for (std::size_t n = 0; n < 24 * 36 * 40; ++n) {
    std::array<char, 2> raw;
    stream.read(raw.data(), 2);
    int16_t stored;
    std::memcpy(&stored, raw.data(), 2);
    ASSERT_EQ(plain.volume.hu.values()[n], stored);
    ASSERT_EQ(zipped.volume.hu.values()[n], stored);
  }
  for (const char* name : {"uint8", "scaled_int16", "uint16", "int32", "float32", "float64"}) {
    const Assembly other =
        read_path(golden(std::string("preprocess/vol_g_") + name + ".nii.gz"), limits);
    EXPECT_EQ(other.volume.hu.shape(), plain.volume.hu.shape()) << name;
    EXPECT_THAT(other.volume.spacing, ElementsAre(1.25F, 0.7F, 0.7F));
  }
  EXPECT_EQ(refusal(golden("preprocess/vol_h_too_few_slices.nii.gz")).code(), Code::too_few_slices);
}

TEST_F(ReadNifti, ReadsBackWhatWriteNiftiWrites) {
  Volume volume;
  volume.hu = Tensor::uninitialised({21, 5, 4});
  for (int64_t n = 0; n < volume.hu.size(); ++n) {
    volume.hu.data()[n] = static_cast<float>(n) * 0.37F - 900;
  }
  volume.spacing = {1.2F, 0.7F, 0.6F};
  // 10 degrees about x, and 1 degree of shear.
  const double c = std::cos(0.1745), s = std::sin(0.1745);
  volume.to_patient = {0,        0,        0.6F, -10, -1.2F * s + 0.02, 0.7F * c, 0, -20,
                       1.2F * c, 0.7F * s, 0,    30};
  for (const char* name : {"v.nii", "v.nii.gz"}) {
    write_nifti(dir_.path() / name, volume);
    const Assembly back = read_path(dir_.path() / name);
    EXPECT_EQ(back.volume.hu.shape(), volume.hu.shape());
    EXPECT_TRUE(std::equal(back.volume.hu.values().begin(), back.volume.hu.values().end(),
                           volume.hu.values().begin()));
    for (std::size_t i = 0; i < 12; ++i) {
      // float32 in the file: half an ulp of 30.
      EXPECT_NEAR(back.volume.to_patient[i], volume.to_patient[i], 2e-6) << i;
    }
    EXPECT_NEAR(back.volume.spacing[1], 0.7F, 1e-7);
  }
}

TEST_F(ReadNifti, WritesAQformThatSaysTheSame) {
  File first;
  for (const Affine& affine :
       {kUsual, Affine{{{-0.5, 0, 0}, {0, -0.72, 0.21}, {0, 0.56, 1.92}, {1, 2, 3}}},
        Affine{{{-0.48, 0.14, 0}, {-0.21, -0.72, 0}, {0, 0, 2}, {1, 2, 3}}}}) {
    first.affine = affine;
    const Volume volume = std::move(read(first).volume);
    const auto path = dir_.path() / "out.nii";
    write_nifti(path, volume);
    // Without its sform the same file must give the same place.
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(254);
    file.write("\0\0", 2);
    file.close();
    const Volume back = std::move(read_path(path).volume);
    for (std::size_t i = 0; i < 12; ++i) {
      // A quaternion of float32 gives cosines to 4 ulps or so, times 2 mm.
      EXPECT_NEAR(back.to_patient[i], volume.to_patient[i], 1e-5) << i;
    }
  }
}

}  // namespace
}  // namespace ctclip
