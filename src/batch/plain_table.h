#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ctclip::batch {

struct Column {
  std::string_view name;
  double width = 20;  ///< of a sheet's column, in digits
};
/// Nothing, text or a number.
using Cell = std::variant<std::monostate, std::string, double>;
/// Gives the next row, a cell for each column; false after the last.
using NextRow = std::function<bool(std::vector<Cell>&)>;

/// Writes a table as its rows come, .xlsx, .csv or .jsonl by the name; with the warning in the
/// sheet's margins. Text never becomes a formula. The file is there whole or not at all. Throws
/// Error{internal} where it cannot be written, Error{usage} for another name or more rows than a
/// sheet can hold.
void write_table(const std::filesystem::path& output, std::span<const Column> columns,
                 const NextRow& next);

}  // namespace ctclip::batch
