#pragma once

#include <string>
#include <string_view>

#include "phantom/dicom_file.h"
#include "phantom/scanner.h"

namespace ctclip::phantom {

/// Says in every file what it is.
inline constexpr std::string_view kSynthetic = "synthetic phantom, not a patient";

/// How one make of scanner fills in its files.
struct ScannerStyle {
  std::string_view soft_kernel, lung_kernel;
  PixelFormat format;
  bool circular = false;  ///< reconstructs a circle and pads its corners
};
/// One of several makes, by the seed.
const ScannerStyle& scanner_style(uint64_t seed);

/// What all files of a study have in common.
struct StudyHeader {
  uint64_t seed = 0;
  std::string identity;  ///< everything that makes this study another one than that
  std::string_view body_part = "CHEST";
  bool female = false;
  int64_t age = 60;
  Acquisition acquisition;
  ScannerStyle style;
  E_TransferSyntax syntax = EXS_LittleEndianExplicit;

  std::string study_uid() const;
};

/// Makes the files of one series, from any thread.
class SeriesWriter {
 public:
  SeriesWriter(const StudyHeader& study, Kernel kernel, int64_t number);

  /// The file of one slice.
  std::vector<std::byte> encode(int64_t slice, std::span<const int16_t> hu) const;

  const std::string& uid() const { return uid_; }
  const std::string& description() const { return description_; }
  std::string_view kernel_name() const { return kernel_name_; }
  std::string folder() const;             ///< "2_Soft_1.5mm_B30f"
  std::string file(int64_t slice) const;  ///< "2_Soft_1.5mm_B30f/IM0001.dcm", from the head down

 private:
  void put_common(DcmDataset& dataset) const;

  const StudyHeader& study_;
  Kernel kernel_;
  std::string_view kernel_name_;
  int64_t number_;
  std::string description_, uid_;
};

/// The file of the localizer: the projection from the front, (rows from the head down, columns).
std::vector<std::byte> encode_localizer(const StudyHeader& study, const Projection& projection);
inline constexpr std::string_view kLocalizerFile = "1_Localizer/IM0001.dcm";

}  // namespace ctclip::phantom
