#include "pipeline/study_json.h"

#include <nlohmann/json.hpp>

namespace ctclip {
namespace {

using Json = nlohmann::ordered_json;

Json series_json(const Series& series) {
  return {{"study_uid", series.study_uid},
          {"series_uid", series.series_uid},
          {"modality", series.modality},
          {"kernel", series.kernel},
          {"kernel_class", name_of(series.kernel_class)},
          {"body_part", series.body_part},
          {"slices", series.slices.size()},
          {"rows", series.rows},
          {"columns", series.columns},
          {"duplicates", series.duplicates},
          {"left_out", series.invalid},
          {"candidate", series.candidate},
          {"chosen", series.chosen},
          {"reason", series.reason}};
}

Json geometry_json(const Geometry& geometry, const Shape& shape) {
  return {{"shape", shape},
          {"spacing_mm", geometry.spacing},
          {"tilt_degrees", geometry.tilt_degrees},
          {"resampled", geometry.resampled},
          {"flipped",
           {{"slices", geometry.flip_slices},
            {"rows", geometry.flip_rows},
            {"columns", geometry.flip_columns}}},
          {"transposed", geometry.transposed}};
}

Json skipped_json(const Contents& contents) {
  return {{"hidden", contents.hidden},
          {"dicomdir", contents.dicomdir},
          {"not_dicom", contents.not_dicom},
          {"no_image", contents.no_image}};
}

}  // namespace

const char* name_of(KernelClass kernel_class) {
  switch (kernel_class) {
    case KernelClass::lung:
      return "lung";
    case KernelClass::standard:
      return "standard";
    case KernelClass::other:
      break;
  }
  return "other";
}

Json describe_study(const StudyFacts& facts) {
  Json json = {{"format", facts.format}};
  json["series"] = Json::array();
  for (const Series& series : facts.choice.series) json["series"].push_back(series_json(series));
  json["volume"] = facts.geometry ? geometry_json(*facts.geometry, facts.shape) : Json();
  json["lungs"] = facts.lungs ? Json{{"litres", facts.lungs->litres},
                                     {"height_mm", facts.lungs->height_mm},
                                     {"present", facts.lungs->present}}
                              : Json();
  json["skipped_files"] = skipped_json(facts.contents);
  json["warnings"] = facts.warnings;
  return json;
}

}  // namespace ctclip
