#include "batch/summary_sheet.h"

#include <ctime>
#include <string>

#include "fusion/names.h"

namespace ctclip::batch {
namespace {

constexpr std::array<double, 4> kInBand = {0.1, 0.4, 0.6, 0.9};  // a probability of each

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  std::array<char, 32> text = {};
  localtime_r(&now, &local);
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local)};
}

/// Writes line after line, as the workbook wants it.
class Lines {
 public:
  Lines(const Workbook& book, lxw_worksheet* sheet) : book_(book), sheet_(sheet) {}

  lxw_row_t row() const { return row_; }
  void skip() { ++row_; }
  void put(std::string_view text, lxw_format* format) { put_text(sheet_, row_++, 0, text, format); }
  void put(std::string_view text, int64_t count, lxw_format* format = nullptr,
           std::string_view more = {}) {
    put_text(sheet_, row_, 0, text, format != nullptr ? format : book_.plain);
    worksheet_write_number(sheet_, row_, 1, static_cast<double>(count), nullptr);
    if (!more.empty()) put_text(sheet_, row_, 2, more, book_.told);
    ++row_;
  }
  void put_warning(std::string_view text) {
    constexpr std::size_t kOneLine = 100;  // bytes that fit into the three columns, near enough
    worksheet_set_row(sheet_, row_, text.size() > kOneLine ? 32 : 16, nullptr);
    worksheet_merge_range(sheet_, row_, 0, row_, 2, "", book_.warning);
    put(text, book_.warning);
  }

 private:
  const Workbook& book_;
  lxw_worksheet* sheet_;
  lxw_row_t row_ = 0;
};

void put_bands(const Workbook& book, const Summary& summary, Lines& lines) {
  lines.put("Probability of pathology", book.bold);
  for (std::size_t i = 0; i < kBands.size(); ++i) {
    lines.put(kBands.at(i), summary.bands.at(i), book.band.at(i),
              std::string(interpretation(kInBand.at(i))) + " / " +
                  std::string(interpretation_russian(kInBand.at(i))));
  }
}

void add_chart(const Workbook& book, lxw_worksheet* sheet, lxw_row_t first, lxw_row_t at) {
  lxw_chart* chart = workbook_add_chart(book.get(), LXW_CHART_COLUMN);
  lxw_chart_series* series = chart_add_series(chart, nullptr, nullptr);
  chart_series_set_categories(series, "Summary", first, 0, first + 3, 0);
  chart_series_set_values(series, "Summary", first, 1, first + 3, 1);
  chart_series_set_labels(series);
  std::array<lxw_chart_fill, 4> fills = {};
  std::array<lxw_chart_point, 4> points = {};
  std::array<lxw_chart_point*, 5> list = {};
  for (std::size_t i = 0; i < points.size(); ++i) {
    fills.at(i).color = kBandLines.at(i);
    points.at(i).fill = &fills.at(i);
    list.at(i) = &points.at(i);
  }
  chart_series_set_points(series, list.data());
  chart_title_set_name(chart, "Studies by probability of pathology");
  lxw_chart_font font = {};
  font.size = 12;
  chart_title_set_name_font(chart, &font);
  lxw_chart_line grid = {};
  grid.color = 0xD9D9D9;
  chart_axis_major_gridlines_set_line(chart->y_axis, &grid);
  chart_legend_set_position(chart, LXW_CHART_LEGEND_NONE);
  chart_set_series_gap(chart, 60);
  chart_axis_set_min(chart->y_axis, 0);
  chart_axis_set_num_format(chart->y_axis, "0");
  lxw_chart_options options = {};
  options.x_scale = 1.25;
  worksheet_insert_chart_opt(sheet, at, 0, chart, &options);
}

}  // namespace

void write_summary_sheet(const Workbook& book, const Summary& summary) {
  lxw_worksheet* sheet = book.add_sheet("Summary");
  worksheet_fit_to_pages(sheet, 1, 1);
  worksheet_set_column(sheet, 0, 0, 30, nullptr);
  worksheet_set_column(sheet, 1, 1, 10, nullptr);
  worksheet_set_column(sheet, 2, 2, 64, nullptr);
  Lines lines(book, sheet);
  lines.put("Chest CT: results of a batch", book.title);
  lines.put("ctclip " CTCLIP_VERSION ", " + today(), book.plain);
  lines.put_warning(kWarningEnglish);
  lines.put_warning(kWarningRussian);
  for (const std::string& bundle : summary.bundles) lines.put_warning("Models: " + bundle);
  lines.skip();
  lines.put("Total", summary.total, book.bold);
  lines.put("Success", summary.success);
  lines.put("Failed", summary.failed);
  lines.put("Pathology", summary.pathology);
  lines.put("No significant pathology", summary.success - summary.pathology);
  if (summary.warned > 0) lines.put("With warnings", summary.warned);
  if (summary.unanswered > 0) lines.put("Not looked at", summary.unanswered, book.bold);
  lines.skip();
  const lxw_row_t bands = lines.row() + 1;
  put_bands(book, summary, lines);
  lines.skip();
  constexpr lxw_row_t kChartRows = 16;
  const lxw_row_t chart = lines.row();
  for (lxw_row_t i = 0; i < kChartRows; ++i) lines.skip();
  if (!summary.failures.empty()) {
    lines.put("Why studies failed (docs/errors.md)", book.bold);
    for (const auto& [code, count] : summary.failures) lines.put(code, count);
  }
  add_chart(book, sheet, bands, chart);
}

}  // namespace ctclip::batch
