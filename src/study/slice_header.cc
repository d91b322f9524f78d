#include "study/slice_header.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <utility>

#include "base/uid.h"
#include "study/attributes.h"

namespace ctclip {
namespace {

/// Functional groups that hold what a Slice wants (PS3.3 C.7.6.16.2 and C.8.15.3); the last two are
/// where a Legacy Converted image keeps what has no macro (C.7.6.16.2.25).
const std::array<DcmTagKey, 8>& functional_groups() {
  static const std::array<DcmTagKey, 8> groups = {DCM_PixelMeasuresSequence,
                                                  DCM_PlanePositionSequence,
                                                  DCM_PlaneOrientationSequence,
                                                  DCM_PixelValueTransformationSequence,
                                                  DCM_CTImageFrameTypeSequence,
                                                  DCM_CTReconstructionSequence,
                                                  DCM_UnassignedPerFrameConvertedAttributesSequence,
                                                  DCM_UnassignedSharedConvertedAttributesSequence};
  return groups;
}

DcmItem* item_of(DcmItem& parent, const DcmTagKey& sequence, std::size_t index) {
  DcmItem* item = nullptr;
  parent.findAndGetSequenceItem(sequence, item, static_cast<long>(index));
  return item;
}

void append_groups(std::vector<DcmItem*>& items, DcmItem* groups) {
  if (groups == nullptr) return;
  for (const DcmTagKey& tag : functional_groups()) {
    if (DcmItem* item = item_of(*groups, tag, 0)) items.push_back(item);
  }
}

Attributes frame_attributes(DcmItem& dataset, DcmItem* frame) {
  std::vector<DcmItem*> items;
  append_groups(items, frame);
  append_groups(items, item_of(dataset, DCM_SharedFunctionalGroupsSequence, 0));
  items.push_back(&dataset);
  return Attributes(std::move(items));
}

/// Enhanced images name the body part by a code: "Chest" of FrameAnatomySequence.
std::string coded_body_part(DcmItem* groups) {
  if (groups == nullptr) return {};
  DcmItem* anatomy = item_of(*groups, DCM_FrameAnatomySequence, 0);
  DcmItem* region = anatomy == nullptr ? nullptr : item_of(*anatomy, DCM_AnatomicRegionSequence, 0);
  if (region == nullptr) return {};
  std::string name = Attributes({region}).text(DCM_CodeMeaning);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

std::string frame_body_part(DcmItem& dataset, DcmItem* frame) {
  const std::string own = coded_body_part(frame);
  return own.empty() ? coded_body_part(item_of(dataset, DCM_SharedFunctionalGroupsSequence, 0))
                     : own;
}

int32_t short_or_zero(const Attributes& attributes, const DcmTagKey& tag) {
  return attributes.short_integer(tag, false).value_or(0);
}

void read_identity(const Attributes& attributes, Slice& slice) {
  slice.study_uid = uid_of(attributes.text(DCM_StudyInstanceUID));
  slice.series_uid = uid_of(attributes.text(DCM_SeriesInstanceUID));
  slice.sop_uid = uid_of(attributes.text(DCM_SOPInstanceUID));
  slice.sop_class_uid = uid_of(attributes.text(DCM_SOPClassUID));
  slice.modality = attributes.text(DCM_Modality);
  slice.image_type = attributes.texts(DCM_FrameType);
  if (slice.image_type.empty()) slice.image_type = attributes.texts(DCM_ImageType);
  slice.convolution_kernel = attributes.texts(DCM_ConvolutionKernel);
  slice.filter_type = attributes.text(DCM_FilterType);
  slice.body_part = attributes.text(DCM_BodyPartExamined);
  slice.manufacturer = attributes.text(DCM_Manufacturer);
  slice.patient_position = attributes.text(DCM_PatientPosition);
}

void read_pixel_format(const Attributes& attributes, Slice& slice) {
  slice.rows = short_or_zero(attributes, DCM_Rows);
  slice.columns = short_or_zero(attributes, DCM_Columns);
  slice.samples_per_pixel = attributes.short_integer(DCM_SamplesPerPixel, false).value_or(1);
  slice.bits_allocated = short_or_zero(attributes, DCM_BitsAllocated);
  slice.bits_stored =
      attributes.short_integer(DCM_BitsStored, false).value_or(slice.bits_allocated);
  slice.high_bit = attributes.short_integer(DCM_HighBit, false).value_or(slice.bits_stored - 1);
  slice.is_signed = short_or_zero(attributes, DCM_PixelRepresentation) == 1;
  slice.photometric = attributes.text(DCM_PhotometricInterpretation);
  slice.padding = attributes.short_integer(DCM_PixelPaddingValue, slice.is_signed);
  slice.padding_limit = attributes.short_integer(DCM_PixelPaddingRangeLimit, slice.is_signed);
}

void read_geometry(const Attributes& attributes, Slice& slice) {
  slice.position = attributes.numbers<3>(DCM_ImagePositionPatient);
  slice.orientation = attributes.numbers<6>(DCM_ImageOrientationPatient);
  slice.pixel_spacing = attributes.numbers<2>(DCM_PixelSpacing);
  slice.slice_thickness = attributes.number(DCM_SliceThickness);
}

/// Both or neither, as the reference has it. Returns what is wrong with them.
std::string read_rescale(const Attributes& attributes, Slice& slice) {
  if (attributes.has(DCM_ModalityLUTSequence)) return "a Modality LUT table, which no CT image has";
  if (attributes.text(DCM_RescaleSlope).empty() || attributes.text(DCM_RescaleIntercept).empty()) {
    return {};
  }
  const std::optional<double> slope = attributes.number(DCM_RescaleSlope);
  const std::optional<double> intercept = attributes.number(DCM_RescaleIntercept);
  constexpr double kMost = 1e9;  // HU; what float cannot hold would become infinite
  const bool sane = slope && intercept && *slope != 0 && std::abs(*slope) <= kMost &&
                    std::abs(*intercept) <= kMost;
  if (!sane) return "RescaleSlope or RescaleIntercept is no sane number";
  slice.slope = *slope;
  slice.intercept = *intercept;
  return {};
}

std::string pixel_format_defect(const Slice& slice) {
  if (slice.rows == 0 || slice.columns == 0) return "no Rows or no Columns";
  if (!slice.has_pixels) return "no PixelData";
  if (slice.samples_per_pixel != 1) {
    return fmt::format("{} samples per pixel: a colour image", slice.samples_per_pixel);
  }
  if (slice.bits_allocated != 8 && slice.bits_allocated != 16) {
    return fmt::format("BitsAllocated is {}, not 8 or 16", slice.bits_allocated);
  }
  if (slice.bits_stored < 1 || slice.bits_stored > slice.bits_allocated) {
    return fmt::format("BitsStored is {} of {} bits", slice.bits_stored, slice.bits_allocated);
  }
  if (!slice.photometric.empty() && !slice.photometric.starts_with("MONOCHROME")) {
    return "a photometric interpretation that is not monochrome";
  }
  return {};
}

std::string identity_defect(const Slice& slice) {
  std::string missing = missing_uid(slice);
  if (missing.empty() && slice.modality.empty()) missing = "no Modality";
  return missing;
}

Slice read_slice(const DicomReader& reader, const Attributes& attributes, std::size_t file) {
  Slice slice;
  slice.file = file;
  slice.transfer_syntax = reader.transfer_syntax();
  slice.has_pixels =
      reader.pixels() && (reader.pixels()->encapsulated || reader.pixels()->length > 0);
  read_identity(attributes, slice);
  read_pixel_format(attributes, slice);
  read_geometry(attributes, slice);
  const std::string rescale_defect = read_rescale(attributes, slice);
  for (const std::string& defect :
       {reader.problem(), identity_defect(slice), pixel_format_defect(slice), rescale_defect}) {
    if (slice.defect.empty()) slice.defect = defect;
  }
  return slice;
}

/// Number of items of PerFrameFunctionalGroupsSequence.
std::size_t described_frames(DcmItem& dataset, DcmSequenceOfItems*& sequence) {
  sequence = nullptr;
  dataset.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, sequence);
  return sequence == nullptr ? 0 : static_cast<std::size_t>(sequence->card());
}

std::string frames_defect(double claimed, std::size_t described, const Limits& limits) {
  if (claimed > limits.max_slices) {
    return fmt::format("NumberOfFrames is {:.0f}; at most {} are allowed", claimed,
                       limits.max_slices);
  }
  if (static_cast<double>(described) != claimed) {
    return fmt::format("NumberOfFrames is {:.0f}, but {} frames are described", claimed, described);
  }
  return {};
}

}  // namespace

std::string missing_uid(const Slice& slice) {
  if (slice.study_uid.empty()) return "no StudyInstanceUID, or none that is a UID";
  if (slice.series_uid.empty()) return "no SeriesInstanceUID, or none that is a UID";
  if (slice.sop_uid.empty()) return "no SOPInstanceUID, or none that is a UID";
  return {};
}

std::vector<Slice> read_slices(const DicomReader& reader, std::size_t file, const Limits& limits) {
  DcmItem& dataset = reader.dataset();
  const Attributes common({&dataset});
  if (!common.has(DCM_Rows) && !common.has(DCM_Columns) && !reader.pixels() &&
      reader.problem().empty()) {
    return {};
  }
  DcmSequenceOfItems* per_frame = nullptr;
  const std::size_t described = described_frames(dataset, per_frame);
  const double claimed = common.number(DCM_NumberOfFrames).value_or(1);
  if (described == 0 && claimed <= 1) return {read_slice(reader, common, file)};

  const std::string defect = frames_defect(claimed, described, limits);
  if (!defect.empty()) {
    Slice slice = read_slice(reader, common, file);
    if (slice.defect.empty()) slice.defect = defect;
    return {slice};
  }
  std::vector<Slice> slices;
  DcmObject* item = nullptr;
  while ((item = per_frame->nextInContainer(item)) != nullptr) {
    auto* frame = static_cast<DcmItem*>(item);
    slices.push_back(read_slice(reader, frame_attributes(dataset, frame), file));
    if (slices.back().body_part.empty()) slices.back().body_part = frame_body_part(dataset, frame);
    slices.back().frame = static_cast<int32_t>(slices.size()) - 1;
    slices.back().frames = static_cast<int32_t>(described);
  }
  return slices;
}

}  // namespace ctclip
