#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "batch/output.h"
#include "batch/summary_sheet.h"
#include "batch/workbook.h"
#include "fusion/names.h"

namespace ctclip::batch {
namespace {

constexpr std::array<double, kColumns.size()> kWidths = {36, 30, 30, 25, 11, 18,
                                                         19, 30, 56, 22, 56};

/// The first sheet, row after row.
class ResultSheet {
 public:
  ResultSheet(const Workbook& book, const Summary& summary, bool details)
      : book_(book), summary_(summary), details_(details), sheet_(book.add_sheet("Results")) {
    lay_out();
    write_header();
  }

  void write(const Row& row) {
    lxw_format* told = row.success ? book_.text : book_.failed;
    worksheet_set_row(sheet_, at_, height(row), nullptr);
    put_text(sheet_, at_, 0, row.path_to_study, book_.text);
    put_text(sheet_, at_, 1, row.study_uid, book_.text);
    put_text(sheet_, at_, 2, row.series_uid, book_.text);
    put_probability(3, row.probability_of_pathology);
    put_number(4, row.pathology, book_.centred);
    put_text(sheet_, at_, 5, row.success ? "Success" : "Failure", told);
    put_number(6, row.time_of_processing, book_.seconds);
    put_text(sheet_, at_, 7, row.most_dangerous_pathology_type, book_.text);
    put_text(sheet_, at_, 8, row.error, told);
    put_text(sheet_, at_, 9, row.error_code, told);
    put_text(sheet_, at_, 10, warnings_cell(row), book_.text);
    if (details_) write_details(row);
    ++at_;
  }

 private:
  /// Points, for the lines that its longest wrapped text takes: nobody works that out on opening a
  /// sheet that was written in one go.
  static double height(const Row& row) {
    const auto lines = [](const std::string& text, std::size_t column) {
      constexpr double kPerUnit = 1.2;  // letters for one digit's width
      const auto characters = static_cast<double>(text.size());
      return std::max(1.0, std::ceil(characters / (kPerUnit * kWidths.at(column))));
    };
    constexpr double kLine = 15, kTallest = 400;  // a sheet allows 409
    const double most =
        std::max({lines(row.path_to_study, 0), lines(row.study_uid, 1), lines(row.series_uid, 2),
                  lines(row.error, 8), lines(warnings_cell(row), 10)});
    return std::min(kTallest, kLine * most);
  }

  void lay_out() {
    const auto rows = static_cast<lxw_row_t>(summary_.total);
    const auto last = static_cast<lxw_col_t>(kColumns.size() - 1);
    for (lxw_col_t i = 0; i <= last; ++i) {
      worksheet_set_column(sheet_, i, i, kWidths.at(i), nullptr);
    }
    const lxw_col_t columns = column_count();
    if (columns > last + 1) {
      worksheet_set_column(sheet_, last + 1, columns - 1, 24, nullptr);
    }
    worksheet_freeze_panes(sheet_, 1, 1);
    worksheet_autofilter(sheet_, 0, 0, rows, columns - 1);
    worksheet_repeat_rows(sheet_, 0, 0);
    worksheet_print_area(sheet_, 0, 0, rows, last);  // the details are for the screen
    worksheet_fit_to_pages(sheet_, 1, 0);
    worksheet_set_header(sheet_, fmt::format("&C&9{}", kWarningEnglish).c_str());
    worksheet_set_footer(sheet_, fmt::format("&C&8{}&R&8&P / &N", kWarningRussian).c_str());
  }

  lxw_col_t column_count() const {
    const std::size_t more =
        details_ ? summary_.probabilities.size() + summary_.features.size() : 0;
    return static_cast<lxw_col_t>(kColumns.size() + more);
  }

  void write_header() {
    worksheet_set_row(sheet_, 0, 24, nullptr);
    lxw_col_t column = 0;
    for (const std::string_view name : kColumns) put_text(sheet_, 0, column++, name, book_.header);
    if (!details_) return;
    for (const auto* names : {&summary_.probabilities, &summary_.features}) {
      for (const std::string& name : *names) put_text(sheet_, 0, column++, name, book_.header);
    }
  }

  template <typename Value>
  void put_number(lxw_col_t column, const std::optional<Value>& value, lxw_format* format) {
    if (value) worksheet_write_number(sheet_, at_, column, static_cast<double>(*value), format);
    if (!value) worksheet_write_blank(sheet_, at_, column, book_.text);
  }
  void put_probability(lxw_col_t column, const std::optional<double>& value) {
    const int band = value ? band_of(*value) : 0;
    put_number(column, value, book_.percent.at(static_cast<std::size_t>(band)));
  }

  void write_details(const Row& row) {
    std::unordered_map<std::string, double> values(row.probabilities.begin(),
                                                   row.probabilities.end());
    values.insert(row.features.begin(), row.features.end());
    auto column = static_cast<lxw_col_t>(kColumns.size());
    for (const std::string& name : summary_.probabilities) {
      const auto found = values.find(name);
      if (found != values.end()) put_probability(column, found->second);
      ++column;
    }
    for (const std::string& name : summary_.features) {
      const auto found = values.find(name);
      if (found != values.end()) put_number<double>(column, found->second, book_.text);
      ++column;
    }
  }

  const Workbook& book_;
  const Summary& summary_;
  bool details_;
  lxw_worksheet* sheet_;
  lxw_row_t at_ = 1;
};

}  // namespace

void write_xlsx(const std::filesystem::path& file, const Table& table, const Summary& summary,
                bool details) {
  if (summary.total >= LXW_ROW_MAX) {
    throw Error(Code::usage, fmt::format("a sheet holds {} rows, and there are {}; write .csv",
                                         LXW_ROW_MAX - 1, summary.total));
  }
  Workbook book(file);
  ResultSheet sheet(book, summary, details);
  table.for_each([&](const Row& row) { sheet.write(row); });
  write_summary_sheet(book, summary);
  book.finish();
}

}  // namespace ctclip::batch
