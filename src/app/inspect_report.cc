#include "app/inspect_report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "pipeline/study_json.h"

namespace ctclip::app {
namespace {

using Json = nlohmann::ordered_json;
using Text = std::back_insert_iterator<std::string>;

void write_series(Text out, const Series& series) {
  fmt::format_to(out, "{} {:<64} {:<4} {:<16} {:<8} {:>6} {:>5} x {:<5}\n",
                 series.chosen ? "*" : " ", series.series_uid, series.modality.substr(0, 4),
                 series.kernel.substr(0, 16), name_of(series.kernel_class), series.slices.size(),
                 series.rows, series.columns);
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
      fmt::format_to(out, "Study {}\n", study);
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
  Json json = {{"answered", !report.error},
               {"study_uid", facts.study_uid},
               {"series_uid", facts.series_uid}};
  json.update(describe_study(facts));
  json["any_anatomy"] = report.any_anatomy;
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
        contents.images, contents.hidden, contents.dicomdir, contents.not_dicom, contents.no_image);
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
