#include "batch/workbook.h"

#include <fmt/format.h>

#include "base/error.h"

namespace ctclip::batch {
namespace {

constexpr lxw_color_t kGrey = 0xBFBFBF, kDark = 0x1F3A5F, kRed = 0xA61C12;

}  // namespace

Workbook::Workbook(const std::filesystem::path& file)
    : file_(file.string()), folder_(std::filesystem::temp_directory_path().string()) {
  lxw_workbook_options options = {};
  options.constant_memory = LXW_TRUE;
  options.tmpdir = folder_.data();
  book_ = workbook_new_opt(file_.c_str(), &options);
  if (book_ == nullptr) throw Error(Code::internal, file_ + ": cannot be written");
  add_table_formats();
  add_summary_formats();
}

Workbook::~Workbook() {
  if (book_ != nullptr) lxw_workbook_free(book_);
}

lxw_format* Workbook::add_format() const { return workbook_add_format(book_); }

lxw_worksheet* Workbook::add_sheet(const char* name) const {
  lxw_worksheet* sheet = workbook_add_worksheet(book_, name);
  worksheet_set_landscape(sheet);
  worksheet_set_paper(sheet, 9);  // A4
  worksheet_set_margins(sheet, 0.4, 0.4, 0.8, 0.8);
  return sheet;
}

void Workbook::add_table_formats() {
  header = add_format();
  format_set_bold(header);
  format_set_font_color(header, LXW_COLOR_WHITE);
  format_set_bg_color(header, kDark);
  format_set_font_size(header, 9);
  format_set_align(header, LXW_ALIGN_VERTICAL_CENTER);
  const auto cell = [this] {
    lxw_format* format = add_format();
    format_set_align(format, LXW_ALIGN_VERTICAL_TOP);
    format_set_bottom(format, LXW_BORDER_HAIR);
    format_set_bottom_color(format, kGrey);
    return format;
  };
  text = cell();
  format_set_text_wrap(text);
  failed = cell();
  format_set_text_wrap(failed);
  format_set_font_color(failed, kRed);
  centred = cell();
  format_set_align(centred, LXW_ALIGN_CENTER);
  seconds = cell();
  format_set_align(seconds, LXW_ALIGN_CENTER);
  format_set_num_format(seconds, "0.0");
  for (std::size_t i = 0; i < percent.size(); ++i) {
    percent.at(i) = cell();
    format_set_num_format(percent.at(i), "0.0%");
    format_set_align(percent.at(i), LXW_ALIGN_CENTER);
    format_set_bg_color(percent.at(i), kBandFills.at(i));
  }
}

void Workbook::add_summary_formats() {
  title = add_format();
  format_set_bold(title);
  format_set_font_size(title, 16);
  format_set_font_color(title, kDark);
  bold = add_format();
  format_set_bold(bold);
  plain = add_format();
  told = add_format();
  format_set_indent(told, 1);
  warning = add_format();
  format_set_bold(warning);
  format_set_text_wrap(warning);
  format_set_font_color(warning, kRed);
  format_set_align(warning, LXW_ALIGN_VERTICAL_TOP);
  for (std::size_t i = 0; i < band.size(); ++i) {
    band.at(i) = add_format();
    format_set_bg_color(band.at(i), kBandFills.at(i));
  }
}

void Workbook::finish() {
  const lxw_error error = workbook_close(book_);
  book_ = nullptr;  // it is freed, whatever came of it
  if (error != LXW_NO_ERROR) {
    throw Error(Code::internal,
                fmt::format("{}: cannot be written: {}", file_, lxw_strerror(error)));
  }
}

void put_text(lxw_worksheet* sheet, lxw_row_t row, lxw_col_t column, std::string_view text,
              lxw_format* format) {
  constexpr std::size_t kLongestCell = 32'000;  // of 32,767 characters
  if (text.empty()) {
    worksheet_write_blank(sheet, row, column, format);
  } else {
    const std::string whole(text.substr(0, kLongestCell));
    worksheet_write_string(sheet, row, column, whole.c_str(), format);
  }
}

}  // namespace ctclip::batch
