#include "app/feature_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/csv.h"
#include "base/error.h"
#include "base/npy.h"
#include "fusion/fusion.h"

namespace ctclip::app {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Code::bad_parameter, path.string() + ": " + what);
}

/// NaN for a missing value, nothing for what is no number.
std::optional<double> parse_value(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return NAN;
  text = text.substr(first, text.find_last_not_of(" \t") - first + 1);
  if (text == "NA") return NAN;
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_header(const std::vector<std::string>& fields) {
  return !std::ranges::all_of(fields,
                              [](const auto& text) { return parse_value(text).has_value(); });
}

/// Where each of the model's features is in a record.
class Columns {
 public:
  static Columns by_position(const lightgbm::Model& model) {
    Columns columns;
    columns.names_ = model.feature_names();
    for (std::size_t i = 0; i < model.features(); ++i) columns.position_.push_back(i);
    return columns;
  }

  static Columns by_name(const std::filesystem::path& path, std::vector<std::string> header,
                         const lightgbm::Model& model, std::ostream& notes) {
    Columns columns;
    columns.names_ = std::move(header);
    columns.find(path, model);
    columns.name_ignored(path, notes);
    return columns;
  }

  std::vector<double> read(const std::filesystem::path& path, const CsvReader& reader,
                           const std::vector<std::string>& fields) const {
    if (fields.size() != names_.size()) {
      refuse(path, fmt::format("line {} has {} fields, expected {}", reader.line(), fields.size(),
                               names_.size()));
    }
    std::vector<double> row;
    row.reserve(position_.size());
    for (const std::size_t position : position_) {
      const auto value = parse_value(fields[position]);
      if (!value) {
        refuse(path, fmt::format("line {}, column \"{}\": expected a number or nothing",
                                 reader.line(), names_[position]));
      }
      row.push_back(*value);
    }
    return row;
  }

 private:
  void find(const std::filesystem::path& path, const lightgbm::Model& model) {
    const ColumnIndex wanted(model.feature_names(), model.origin());
    position_.assign(model.features(), ColumnIndex::kNone);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::size_t feature = wanted.find(names_[i]);
      if (feature == ColumnIndex::kNone) continue;
      if (position_[feature] != ColumnIndex::kNone) {
        refuse(path, fmt::format("columns \"{}\" and \"{}\" are one feature of the model",
                                 names_[position_[feature]], names_[i]));
      }
      position_[feature] = i;
    }
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < position_.size(); ++i) {
      if (position_[i] == ColumnIndex::kNone) missing.push_back(model.feature_names()[i]);
    }
    if (!missing.empty()) {
      refuse(path, fmt::format("{} of the model's {} features have no column: {}", missing.size(),
                               model.features(), fmt::join(missing, ", ")));
    }
  }

  void name_ignored(const std::filesystem::path& path, std::ostream& notes) const {
    std::vector<bool> used(names_.size());
    for (const std::size_t position : position_) used[position] = true;
    std::vector<std::string> ignored;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (!used[i]) ignored.push_back(fmt::format("\"{}\"", names_[i]));
    }
    if (ignored.empty()) return;
    notes << fmt::format("{}: columns that the model does not want are ignored: {}\n",
                         path.string(), fmt::join(ignored, ", "));
  }

  std::vector<std::string> names_;     ///< of the file's columns
  std::vector<std::size_t> position_;  ///< of each feature
};

void read_csv(const std::filesystem::path& path, const lightgbm::Model& model, std::ostream& notes,
              const RowConsumer& consume) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, "cannot be opened");
  CsvReader reader(file, path.string());
  std::vector<std::string> fields;
  if (!reader.next(fields)) refuse(path, "is empty");
  const bool header = is_header(fields);
  const Columns columns =
      header ? Columns::by_name(path, fields, model, notes) : Columns::by_position(model);
  if (!header) consume(columns.read(path, reader, fields));
  while (reader.next(fields)) consume(columns.read(path, reader, fields));
}

void read_array(const std::filesystem::path& path, const lightgbm::Model& model,
                const RowConsumer& consume) {
  const NpyArray array = read_npy(path);
  const auto features = static_cast<int64_t>(model.features());
  const bool fits =
      (array.shape.size() == 1 || array.shape.size() == 2) && array.shape.back() == features;
  if (!fits) {
    refuse(path,
           fmt::format("has shape {}, expected [rows, {}]", to_string(array.shape), features));
  }
  const std::span<const double> values(array.values);
  for (std::size_t at = 0; at < values.size(); at += model.features()) {
    consume(values.subspan(at, model.features()));
  }
}

}  // namespace

void for_each_row(const std::filesystem::path& path, const lightgbm::Model& model,
                  std::ostream& notes, const RowConsumer& consume) {
  if (path.extension() == ".npy") {
    read_array(path, model, consume);
  } else if (path.extension() == ".csv") {
    read_csv(path, model, notes, consume);
  } else {
    refuse(path, "expected a .npy or a .csv file");
  }
}

}  // namespace ctclip::app
