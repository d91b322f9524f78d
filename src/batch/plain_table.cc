#include "batch/plain_table.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "batch/output.h"
#include "batch/workbook.h"
#include "fusion/names.h"

namespace ctclip::batch {
namespace {

namespace fs = std::filesystem;

std::string csv_text(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return guarded_csv_field(*text);
  if (const auto* number = std::get_if<double>(&cell)) return fmt::format("{}", *number);
  return {};
}

void write_csv_rows(const fs::path& file, std::span<const Column> columns, const NextRow& next) {
  std::ofstream out(file, std::ios::binary);
  for (std::size_t i = 0; i < columns.size(); ++i) out << (i > 0 ? "," : "") << columns[i].name;
  out << '\n';
  for (std::vector<Cell> row; next(row);) {
    for (std::size_t i = 0; i < row.size(); ++i) out << (i > 0 ? "," : "") << csv_text(row[i]);
    out << '\n';
  }
  if (!out.flush()) cannot_write(file);
}

nlohmann::ordered_json json_of(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* number = std::get_if<double>(&cell)) return *number;
  return nullptr;
}

void write_jsonl_rows(const fs::path& file, std::span<const Column> columns, const NextRow& next) {
  std::ofstream out(file, std::ios::binary);
  for (std::vector<Cell> row; next(row);) {
    nlohmann::ordered_json line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line[std::string(columns[i].name)] = json_of(row[i]);
    out << line.dump() << '\n';
  }
  if (!out.flush()) cannot_write(file);
}

lxw_worksheet* add_plain_sheet(const Workbook& book, std::span<const Column> columns) {
  lxw_worksheet* sheet = book.add_sheet("History");
  lxw_col_t at = 0;
  for (const Column& column : columns) {
    worksheet_set_column(sheet, at, at, column.width, nullptr);
    put_text(sheet, 0, at++, column.name, book.header);
  }
  worksheet_freeze_panes(sheet, 1, 1);
  worksheet_repeat_rows(sheet, 0, 0);
  worksheet_fit_to_pages(sheet, 1, 0);
  worksheet_set_header(sheet, fmt::format("&C&9{}", kWarningEnglish).c_str());
  worksheet_set_footer(sheet, fmt::format("&C&8{}&R&8&P / &N", kWarningRussian).c_str());
  return sheet;
}

void write_sheet(const fs::path& file, std::span<const Column> columns, const NextRow& next) {
  Workbook book(file);
  lxw_worksheet* sheet = add_plain_sheet(book, columns);
  lxw_row_t at = 0;
  for (std::vector<Cell> row; next(row);) {
    if (++at >= LXW_ROW_MAX) {
      throw Error(Code::usage, "there are more rows than a sheet holds; write .csv");
    }
    lxw_col_t column = 0;
    for (const Cell& cell : row) {
      if (const auto* text = std::get_if<std::string>(&cell)) {
        put_text(sheet, at, column, *text, book.text);
      } else if (const auto* number = std::get_if<double>(&cell)) {
        worksheet_write_number(sheet, at, column, *number, book.text);
      }
      ++column;
    }
  }
  worksheet_autofilter(sheet, 0, 0, at, static_cast<lxw_col_t>(columns.size() - 1));
  book.finish();
}

}  // namespace

void write_table(const fs::path& output, std::span<const Column> columns, const NextRow& next) {
  write_whole(output, [&](const fs::path& part) {
    switch (output_format(output)) {
      case OutputFormat::xlsx:
        return write_sheet(part, columns, next);
      case OutputFormat::csv:
        return write_csv_rows(part, columns, next);
      case OutputFormat::jsonl:
        return write_jsonl_rows(part, columns, next);
    }
  });
}

}  // namespace ctclip::batch
