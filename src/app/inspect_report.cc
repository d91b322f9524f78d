#include "app/inspect_report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

namespace ctclip::app {
namespace {

using Json = nlohmann::ordered_json;
using Text = std::back_insert_iterator<std::string>;

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

/// Text from a file may hold anything: control characters would act on a terminal, and broken UTF-8
/// stops a JSON writer.
std::string clean(const std::string& text) {
  std::string safe = text.substr(0, 64);
  for (char& c : safe) {
    if (c < ' ' || c > '~') c = '?';
  }
  return safe;
}

Json series_json(const Series& series) {
  return {{"study_uid", clean(series.study_uid)},
          {"series_uid", clean(series.series_uid)},
          {"modality", clean(series.modality)},
          {"kernel", clean(series.kernel)},
          {"kernel_class", name_of(series.kernel_class)},
          {"body_part", clean(series.body_part)},
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

void write_series(Text out, const Series& series) {
  fmt::format_to(out, "{} {:<64} {:<4} {:<16} {:<8} {:>6} {:>5} x {:<5}\n",
                 series.chosen ? "*" : " ", clean(series.series_uid),
                 clean(series.modality.substr(0, 4)), clean(series.kernel.substr(0, 16)),
                 name_of(series.kernel_class), series.slices.size(), series.rows, series.columns);
  fmt::format_to(out, "    {}\n", series.reason);
}

void write_all_series(Text out, const std::vector<Series>& all) {
  if (all.empty()) return;
  fmt::format_to(out, "\n  {:<64} {:<4} {:<16} {:<8} {:>6} {}\n", "Series", "Mod.", "Kernel",
                 "class", "slices", "rows x columns");
  std::string study;
  for (const Series& series : all) {
    if (series.study_uid != study) {
      study = series.study_uid;
      fmt::format_to(out, "Study {}\n", clean(study));
    }
    write_series(out, series);
  }
}

void write_geometry(Text out, const Geometry& g, const Shape& shape) {
  fmt::format_to(out,
                 "\nVolume    {} slices of {} x {}; {:.4g} mm between slices, {:.4g} between rows, "
                 "{:.4g} between columns\n",
                 shape.at(0), shape.at(1), shape.at(2), g.spacing[0], g.spacing[1], g.spacing[2]);
  fmt::format_to(out, "Geometry  tilt {:.2f} degrees; {}; stored {}\n", g.tilt_degrees,
                 g.resampled ? "resampled to an even grid" : "evenly spaced",
                 g.flip_rows || g.flip_columns || g.transposed ? "turned or mirrored" : "upright");
}

void write_lungs(Text out, const StudyReport& report) {
  if (report.any_anatomy) {
    fmt::format_to(out, "Lungs     not looked for (--any-anatomy)\n");
  } else if (report.facts.lungs) {
    fmt::format_to(out, "Lungs     {:.2f} l over {:.0f} mm\n", report.facts.lungs->litres,
                   report.facts.lungs->height_mm);
  }
}

}  // namespace

Json report_json(const StudyReport& report) {
  const StudyFacts& facts = report.facts;
  Json json = {{"format", facts.format},
               {"answered", !report.error},
               {"study_uid", clean(facts.study_uid)},
               {"series_uid", clean(facts.series_uid)}};
  json["series"] = Json::array();
  for (const Series& series : facts.choice.series) json["series"].push_back(series_json(series));
  json["volume"] = facts.geometry ? geometry_json(*facts.geometry, facts.shape) : Json();
  json["lungs"] = facts.lungs ? Json{{"litres", facts.lungs->litres},
                                     {"height_mm", facts.lungs->height_mm},
                                     {"present", facts.lungs->present}}
                              : Json();
  json["any_anatomy"] = report.any_anatomy;
  json["skipped_files"] = skipped_json(facts.contents);
  json["warnings"] = facts.warnings;
  json["error"] = report.error ? Json(report.error->what()) : Json();
  json["error_code"] = report.error ? Json(info(report.error->code()).name) : Json();
  return json;
}

std::string report_text(const StudyReport& report) {
  const StudyFacts& facts = report.facts;
  const Contents& contents = facts.contents;
  std::string text;
  const Text out(text);
  fmt::format_to(out, "Format    {}\n", facts.format);
  if (facts.format != "nifti") {
    fmt::format_to(
        out,
        "Files     {} images; skipped: {} hidden, {} DICOMDIR, {} no DICOM, {} without image\n",
        contents.slices.size(), contents.hidden, contents.dicomdir, contents.not_dicom,
        contents.no_image);
  }
  write_all_series(out, facts.choice.series);
  if (facts.geometry) write_geometry(out, *facts.geometry, facts.shape);
  write_lungs(out, report);
  for (const std::string& warning : facts.warnings) fmt::format_to(out, "Warning   {}\n", warning);
  if (report.error) {
    fmt::format_to(out, "Refused   {} ({})\n", report.error->what(),
                   info(report.error->code()).name);
  } else {
    fmt::format_to(out, "Answered  this study would be analysed\n");
  }
  return text;
}

}  // namespace ctclip::app
