#include "phantom/series_writer.h"

#include <fmt/format.h>

#include <array>

#include "phantom/dicom_tags.h"
#include "phantom/random.h"
#include "phantom/uid.h"

namespace ctclip::phantom {
namespace {

// Kernels' names and pixels as GE, Siemens (two generations), Canon and Philips store them.
constexpr std::array kStyles = {
    ScannerStyle{"STANDARD", "LUNG", {16, true, -1024}, true},
    ScannerStyle{"B30f", "B70f", {12, false, -1024}, false},
    ScannerStyle{"Br36f\\3", "Bl57f\\3", {12, false, -1024}, false},
    ScannerStyle{"FC13", "FC51", {16, true, 0}, true},
    ScannerStyle{"B", "L", {12, false, -1024}, false},
};

void put_window(DcmDataset& dataset, Kernel kernel) {
  const bool is_soft = kernel == Kernel::soft;
  Tags(dataset)
      .put(DCM_WindowCenter, is_soft ? "40" : "-600")
      .put(DCM_WindowWidth, is_soft ? "400" : "1500");
}

/// A value of either sign as the element's own VR wants it (PS3.5: US or SS by
/// PixelRepresentation).
void put_padding(DcmDataset& dataset, const PixelFormat& format) {
  const int stored = kOutsideField - format.intercept;
  DcmTag tag(DCM_PixelPaddingValue, format.is_signed ? EVR_SS : EVR_US);
  if (format.is_signed) {
    dataset.putAndInsertSint16(tag, static_cast<Sint16>(stored));
  } else {
    dataset.putAndInsertUint16(tag, static_cast<Uint16>(stored));
  }
}

std::string short_kernel(std::string_view kernel) {
  return std::string(kernel.substr(0, kernel.find('\\')));
}

}  // namespace

const ScannerStyle& scanner_style(uint64_t seed) {
  Random random = Random(seed).stream("scanner");
  return kStyles[static_cast<std::size_t>(random.integer(0, std::ssize(kStyles) - 1))];
}

std::string StudyHeader::study_uid() const { return uid_of(identity); }

SeriesWriter::SeriesWriter(const StudyHeader& study, Kernel kernel, int64_t number)
    : study_(study),
      kernel_(kernel),
      kernel_name_(kernel == Kernel::soft ? study.style.soft_kernel : study.style.lung_kernel),
      number_(number),
      description_(fmt::format("{} {}mm {}", kernel == Kernel::soft ? "Soft" : "Lung",
                               study.acquisition.thickness, short_kernel(kernel_name_))),
      uid_(uid_of(fmt::format("{}/series {}", study.identity, number))) {}

// Every file is made anew: data sets can't be copied by several threads at once.
void SeriesWriter::put_common(DcmDataset& dataset) const {
  put_study(dataset, study_);
  put_series(dataset, study_, {uid_, description_, number_, "Phantom", kernel_name_});
  Tags(dataset).put(DCM_ImageType, "ORIGINAL\\PRIMARY\\AXIAL");
  put_window(dataset, kernel_);
  if (study_.style.circular) put_padding(dataset, study_.style.format);
}

std::string SeriesWriter::folder() const {
  std::string name = fmt::format("{}_{}", number_, description_);
  for (char& c : name) c = c == ' ' ? '_' : c;
  return name;
}

std::string SeriesWriter::file(int64_t slice) const {
  return fmt::format("{}/IM{:04}.dcm", folder(), study_.acquisition.slices() - slice);
}

std::vector<std::byte> SeriesWriter::encode(int64_t slice, std::span<const int16_t> hu) const {
  const Acquisition& scan = study_.acquisition;
  DcmFileFormat file;
  DcmDataset& dataset = *file.getDataset();
  put_common(dataset);
  ImagePlace place;
  place.number = scan.slices() - slice;  // scanners count from the head
  place.uid = uid_of(fmt::format("{}/series {}/image {}", study_.identity, number_, place.number));
  place.position = {scan.corner(), scan.corner(), scan.z_of(slice)};
  place.orientation = "1\\0\\0\\0\\1\\0";
  place.row_spacing = place.column_spacing = scan.spacing();
  put_image(dataset, place);
  put_pixels(dataset, study_.style.format, hu, scan.matrix, scan.matrix);
  return encode_file(file, study_.syntax);
}

}  // namespace ctclip::phantom
