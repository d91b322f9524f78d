#include "app/feature_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/csv.h"
#include "base/npy.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

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

std::ifstream opened(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse_table(path, "cannot be opened");
  return file;
}

class CsvTable : public FeatureTable {
 public:
  CsvTable(const fs::path& path, const lightgbm::Model& model, std::ostream& notes)
      : path_(path),
        file_(opened(path)),
        reader_(file_, path.string()),
        columns_(Columns::by_position(path, model)) {
    if (!reader_.next(fields_)) refuse_table(path, "is empty");
    pending_ = !is_header(fields_);
    if (pending_) return;
    columns_ = Columns::by_name(path, fields_, model);
    columns_.require_features();
    columns_.name_ignored(notes);
  }

  bool next(FeatureRow& row) override {
    if (!std::exchange(pending_, false) && !reader_.next(fields_)) return false;
    if (fields_.size() != columns_.names().size()) {
      refuse_table(path_, fmt::format("line {} has {} fields, expected {}", reader_.line(),
                                      fields_.size(), columns_.names().size()));
    }
    row = columns_.read({reader_.line(), [this](std::size_t i) { return parse_value(fields_[i]); },
                         [this](std::size_t i) { return fields_[i]; }});
    return true;
  }

  bool of_batch() const override { return columns_.of_batch(); }

 private:
  fs::path path_;
  std::ifstream file_;
  CsvReader reader_;
  Columns columns_;
  std::vector<std::string> fields_;
  bool pending_ = false;  ///< the first record is a row
};

std::optional<double> number_of(const ordered_json& value) {
  if (value.is_null()) return NAN;
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

std::string text_of(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

class JsonLines : public FeatureTable {
 public:
  JsonLines(const fs::path& path, const lightgbm::Model& model, std::ostream& notes)
      : path_(path),
        model_(model),
        file_(opened(path)),
        columns_(Columns::by_position(path, model)) {
    pending_ = read_line();
    if (!pending_) return;
    // A study of a batch that failed has no features in its row.
    if (columns_.of_batch()) return;
    columns_.require_features();
    columns_.name_ignored(notes);
  }

  bool next(FeatureRow& row) override {
    if (!std::exchange(pending_, false) && !read_line()) return false;
    row = columns_.read({line_, [this](std::size_t i) { return number_of(values_[i]); },
                         [this](std::size_t i) { return text_of(values_[i]); }});
    return true;
  }

  bool of_batch() const override { return columns_.of_batch(); }

 private:
  bool read_line() {
    std::string text;
    do {
      if (!std::getline(file_, text)) return false;
      ++line_;
    } while (text.find_first_not_of(" \t\r") == std::string::npos);
    const ordered_json object = ordered_json::parse(text, nullptr, false);
    if (!object.is_object()) refuse_table(path_, fmt::format("line {} is no JSON object", line_));
    std::vector<std::string> names;
    values_.clear();
    for (const auto& [name, value] : object.items()) {
      names.push_back(name);
      values_.push_back(value);
    }
    if (names != columns_.names()) columns_ = Columns::by_name(path_, std::move(names), model_);
    return true;
  }

  fs::path path_;
  const lightgbm::Model& model_;
  std::ifstream file_;
  Columns columns_;
  std::vector<ordered_json> values_;
  std::size_t line_ = 0;
  bool pending_ = false;  ///< the first line was read, and not yet given
};

class ArrayTable : public FeatureTable {
 public:
  ArrayTable(const fs::path& path, const lightgbm::Model& model)
      : array_(read_npy(path)), width_(model.features()) {
    const Shape& shape = array_.shape;
    const bool fits =
        (shape.size() == 1 || shape.size() == 2) && shape.back() == static_cast<int64_t>(width_);
    if (!fits) {
      refuse_table(path,
                   fmt::format("has shape {}, expected [rows, {}]", to_string(shape), width_));
    }
  }

  bool next(FeatureRow& row) override {
    const std::size_t at = std::exchange(at_, at_ + width_);
    if (at >= array_.values.size()) return false;
    const auto from = array_.values.begin() + static_cast<std::ptrdiff_t>(at);
    row.values.assign(from, from + static_cast<std::ptrdiff_t>(width_));
    return true;
  }

 private:
  NpyArray array_;
  std::size_t width_, at_ = 0;
};

}  // namespace

std::unique_ptr<FeatureTable> open_table(const fs::path& path, const lightgbm::Model& model,
                                         std::ostream& notes) {
  const fs::path ending = path.extension();
  if (ending == ".npy") return std::make_unique<ArrayTable>(path, model);
  if (ending == ".csv") return std::make_unique<CsvTable>(path, model, notes);
  if (ending == ".jsonl") return std::make_unique<JsonLines>(path, model, notes);
  if (ending == ".xlsx") {
    refuse_table(path,
                 "workbooks are not read, expected a .npy, .csv or .jsonl file; 'ctclip batch "
                 "merge TABLE.csv WORKBOOK --details' makes one from the journal beside it");
  }
  refuse_table(path, "expected a .npy, .csv or .jsonl file");
}

}  // namespace ctclip::app
