#include "bench/synthetic_study.h"

#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>
#include <zip.h>

#include <cmath>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctclip::bench {
namespace {

constexpr int kSide = 512;

double ellipse(double x, double y, double centre_x, double centre_y, double a, double b) {
  return std::pow((x - centre_x) / a, 2) + std::pow((y - centre_y) / b, 2);
}

std::vector<Uint16> draw(int32_t slice, int32_t slices, std::mt19937& random) {
  std::normal_distribution<float> noise(0, 25);
  const double along = std::sin(3.14159 * (slice + 0.5) / slices);  // lungs taper towards both ends
  std::vector<Uint16> pixels(kSide * kSide);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      double hu = -1000;
      if (ellipse(x, y, 256, 256, 230, 160) < 1) {
        hu = 40;
        const double size = 0.4 + 0.6 * along;
        const bool lung = ellipse(x, y, 150, 250, 85 * size, 115 * size) < 1 ||
                          ellipse(x, y, 362, 250, 85 * size, 115 * size) < 1;
        if (lung) hu = -850;
      }
      const double stored = std::clamp(hu + 1024 + noise(random), 0.0, 4095.0);
      pixels[static_cast<std::size_t>(y) * kSide + static_cast<std::size_t>(x)] =
          static_cast<Uint16>(stored);
    }
  }
  return pixels;
}

void check(const OFCondition& status) {
  if (status.bad()) throw std::runtime_error(status.text());
}

void put_header(DcmDataset& data, int32_t slice) {
  const auto put = [&](const DcmTag& tag, const std::string& value) {
    check(data.putAndInsertString(tag, value.c_str()));
  };
  put(DCM_SOPClassUID, UID_CTImageStorage);
  put(DCM_SOPInstanceUID, fmt::format("1.2.826.0.1.3680043.10.9999.7.{}", slice + 1));
  put(DCM_StudyInstanceUID, "1.2.826.0.1.3680043.10.9999.5");
  put(DCM_SeriesInstanceUID, "1.2.826.0.1.3680043.10.9999.6");
  put(DCM_Modality, "CT");
  put(DCM_ImageType, "ORIGINAL\\PRIMARY\\AXIAL");
  put(DCM_ConvolutionKernel, "LUNG");
  put(DCM_BodyPartExamined, "CHEST");
  put(DCM_ImagePositionPatient, fmt::format("-180\\-180\\{}", slice));
  put(DCM_ImageOrientationPatient, "1\\0\\0\\0\\1\\0");
  put(DCM_PixelSpacing, "0.7\\0.7");
  put(DCM_RescaleSlope, "1");
  put(DCM_RescaleIntercept, "-1024");
  put(DCM_PhotometricInterpretation, "MONOCHROME2");
}

std::string dicom_slice(int32_t slice, int32_t slices, std::mt19937& random) {
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  put_header(data, slice);
  const std::pair<DcmTagKey, Uint16> numbers[] = {
      {DCM_Rows, kSide},           {DCM_Columns, kSide}, {DCM_SamplesPerPixel, 1},
      {DCM_BitsAllocated, 16},     {DCM_BitsStored, 12}, {DCM_HighBit, 11},
      {DCM_PixelRepresentation, 0}};
  for (const auto& [tag, value] : numbers) check(data.putAndInsertUint16(tag, value));
  const std::vector<Uint16> pixels = draw(slice, slices, random);
  check(data.putAndInsertUint16Array(DCM_PixelData, pixels.data(), pixels.size()));

  std::string bytes(pixels.size() * 2 + 65536, '\0');
  DcmOutputBufferStream out(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  file.transferInit();
  check(file.write(out, EXS_LittleEndianExplicit, EET_ExplicitLength, nullptr));
  file.transferEnd();
  void* written = nullptr;
  offile_off_t size = 0;
  out.flushBuffer(written, size);
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace

void write_synthetic_study(const std::filesystem::path& zip, int32_t slices) {
  int error = 0;
  zip_t* archive = zip_open(zip.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
  if (archive == nullptr) throw std::runtime_error(zip.string() + ": cannot be written");
  std::mt19937 random(1);
  std::vector<std::string> kept;  // libzip reads them when it closes
  for (int32_t slice = 0; slice < slices; ++slice) {
    kept.push_back(dicom_slice(slice, slices, random));
    zip_source_t* source = zip_source_buffer(archive, kept.back().data(), kept.back().size(), 0);
    const std::string name = fmt::format("IM{:04}.dcm", slice + 1);
    if (zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) < 0) {
      throw std::runtime_error(zip.string() + ": " + zip_strerror(archive));
    }
  }
  if (zip_close(archive) != 0) throw std::runtime_error(zip.string() + ": cannot be written");
}

}  // namespace ctclip::bench
