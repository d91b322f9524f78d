#pragma once

#include <xlsxwriter.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

namespace ctclip::batch {

/// The guide's bands as people see them: green, yellow, orange, red. RGB.
inline constexpr std::array<lxw_color_t, 4> kBandFills = {0xD5EBD3, 0xFFF2C2, 0xFBD9B5, 0xF6C1BD};
inline constexpr std::array<lxw_color_t, 4> kBandLines = {0x5FA55A, 0xE0B62E, 0xE08A2E, 0xCC4B42};

/// A workbook that is written to disk as its rows come: rows in order, then never again. Its
/// formats belong to it.
class Workbook {
 public:
  explicit Workbook(const std::filesystem::path& file);
  ~Workbook();
  Workbook(const Workbook&) = delete;
  Workbook& operator=(const Workbook&) = delete;

  lxw_workbook* get() const { return book_; }
  lxw_worksheet* add_sheet(const char* name) const;
  // Of the table, then of the summary.
  lxw_format *header, *text, *failed, *centred, *seconds;
  lxw_format *title, *bold, *warning, *plain, *told;
  std::array<lxw_format*, 4> percent, band;

  /// Writes the file. Throws Error{internal} where the disk refuses.
  void finish();

 private:
  lxw_format* add_format() const;
  void add_table_formats();
  void add_summary_formats();

  std::string file_, folder_;
  lxw_workbook* book_;
};

/// Text, never a formula or a link; an empty cell for empty text.
void put_text(lxw_worksheet* sheet, lxw_row_t row, lxw_col_t column, std::string_view text,
              lxw_format* format);

}  // namespace ctclip::batch
