#include "phantom/dicom_tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "phantom/uid.h"

namespace ctclip::phantom {
namespace {

// Every phantom was "scanned" at the same moment: the same seed gives the same bytes.
constexpr std::string_view kDate = "20250101", kTime = "120000";
constexpr double kVoltage = 120;                   // kV
constexpr double kCurrent = 200, kRotation = 0.5;  // mA and s at dose 1

std::string clock(int64_t seconds) {
  return fmt::format("12{:02}{:02}", seconds / 60 % 60, seconds % 60);
}

}  // namespace

Tags& Tags::put(const DcmTagKey& tag, std::string_view value) {
  const OFCondition done = dataset_.putAndInsertString(tag, std::string(value).c_str());
  if (done.good()) return *this;
  throw Error(Code::internal, fmt::format("DCMTK refuses \"{}\": {}", value, done.text()));
}

Tags& Tags::put(const DcmTagKey& tag, double value) {
  // Nine digits are a micrometre in a kilometre; a decimal string has room for them.
  return put(tag, std::string_view(fmt::format("{:.9g}", value)));
}

Tags& Tags::put(const DcmTagKey& tag, int64_t value) {
  return put(tag, std::string_view(std::to_string(value)));
}

void put_study(DcmDataset& dataset, const StudyHeader& study) {
  Tags tags(dataset);
  tags.put(DCM_SpecificCharacterSet, "ISO_IR 100");
  tags.put(DCM_SOPClassUID, UID_CTImageStorage).put(DCM_Modality, "CT");
  for (const DcmTagKey& tag :
       {DCM_StudyDate, DCM_SeriesDate, DCM_AcquisitionDate, DCM_ContentDate}) {
    tags.put(tag, kDate);
  }
  tags.put(DCM_StudyTime, kTime).put(DCM_AccessionNumber, "").put(DCM_ReferringPhysicianName, "");
  tags.put(DCM_StudyDescription, fmt::format("CT {} ({})", study.body_part, kSynthetic));
  tags.put(DCM_PatientName, fmt::format("Phantom^Seed {}", study.seed));
  tags.put(DCM_PatientID, fmt::format("PHANTOM-{}", study.seed)).put(DCM_PatientBirthDate, "");
  tags.put(DCM_PatientSex, study.female ? "F" : "M");
  tags.put(DCM_PatientAge, fmt::format("{:03}Y", study.age));
  tags.put(DCM_StudyInstanceUID, study.study_uid()).put(DCM_StudyID, "1");
  tags.put(DCM_FrameOfReferenceUID, uid_of(study.identity + "/frame"));
  tags.put(DCM_PositionReferenceIndicator, "").put(DCM_ImageComments, kSynthetic);
}

void put_series(DcmDataset& dataset, const StudyHeader& study, const SeriesFacts& series) {
  Tags tags(dataset);
  const double current = kCurrent * study.acquisition.dose;
  tags.put(DCM_SeriesInstanceUID, series.uid).put(DCM_SeriesNumber, series.number);
  tags.put(DCM_SeriesDescription, fmt::format("{} ({})", series.description, kSynthetic));
  tags.put(DCM_SeriesTime, clock(60 * series.number));
  tags.put(DCM_Manufacturer, "ctclip").put(DCM_InstitutionName, "");
  tags.put(DCM_ManufacturerModelName, "phantom").put(DCM_SoftwareVersions, CTCLIP_VERSION);
  tags.put(DCM_StationName, "PHANTOM").put(DCM_BodyPartExamined, study.body_part);
  tags.put(DCM_ProtocolName, series.protocol).put(DCM_PatientPosition, "HFS");
  tags.put(DCM_KVP, kVoltage).put(DCM_ExposureTime, static_cast<int64_t>(1000 * kRotation));
  tags.put(DCM_XRayTubeCurrent, std::max<int64_t>(1, std::llround(current)));
  tags.put(DCM_Exposure, std::max<int64_t>(1, std::llround(kRotation * current)));
  tags.put(DCM_GantryDetectorTilt, 0.0).put(DCM_AcquisitionNumber, series.number);
  tags.put(DCM_RescaleIntercept, static_cast<int64_t>(study.style.format.intercept));
  tags.put(DCM_RescaleSlope, "1").put(DCM_RescaleType, "HU");
  if (series.kernel.empty()) return;
  tags.put(DCM_ConvolutionKernel, series.kernel).put(DCM_RotationDirection, "CW");
  tags.put(DCM_DataCollectionDiameter, 500.0);
  tags.put(DCM_ReconstructionDiameter, study.acquisition.field_of_view);
  tags.put(DCM_SliceThickness, study.acquisition.thickness);
  tags.put(DCM_SpacingBetweenSlices, study.acquisition.increment);
}

void put_image(DcmDataset& dataset, const ImagePlace& image) {
  Tags tags(dataset);
  tags.put(DCM_SOPInstanceUID, image.uid).put(DCM_InstanceNumber, image.number);
  tags.put(DCM_ContentTime, clock(image.number)).put(DCM_AcquisitionTime, kTime);
  tags.put(DCM_ImagePositionPatient, fmt::format("{:.9g}\\{:.9g}\\{:.9g}", image.position[0],
                                                 image.position[1], image.position[2]));
  tags.put(DCM_ImageOrientationPatient, image.orientation);
  tags.put(DCM_SliceLocation, image.position[2]);
  tags.put(DCM_PixelSpacing,
           fmt::format("{:.9g}\\{:.9g}", image.row_spacing, image.column_spacing));
}

}  // namespace ctclip::phantom
