#include "app/feature_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "fusion/fusion.h"

namespace ctclip::app {
namespace {

constexpr std::string_view kStatusColumn = "processing_status";
constexpr std::size_t kNone = ColumnIndex::kNone;

}  // namespace

void refuse_table(const std::filesystem::path& path, const std::string& what) {
  throw Error(Code::bad_parameter, path.string() + ": " + what);
}

Columns::Columns(std::filesystem::path path, std::vector<std::string> names,
                 const lightgbm::Model& model)
    : path_(std::move(path)), names_(std::move(names)), features_(model.feature_names()) {}

Columns Columns::by_position(std::filesystem::path path, const lightgbm::Model& model) {
  Columns columns(std::move(path), model.feature_names(), model);
  for (std::size_t i = 0; i < model.features(); ++i) columns.position_.push_back(i);
  return columns;
}

Columns Columns::by_name(std::filesystem::path path, std::vector<std::string> names,
                         const lightgbm::Model& model) {
  Columns columns(std::move(path), std::move(names), model);
  columns.match(model.origin());
  columns.find_study();
  return columns;
}

void Columns::match(const std::string& origin) {
  const ColumnIndex wanted(features_, origin);
  position_.assign(features_.size(), kNone);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::size_t feature = wanted.find(names_[i]);
    if (feature == kNone) continue;
    if (position_[feature] != kNone) {
      refuse_table(path_, fmt::format("columns \"{}\" and \"{}\" are one feature of the model",
                                      names_[position_[feature]], names_[i]));
    }
    position_[feature] = i;
  }
}

void Columns::find_study() {
  const auto find = [this](std::string_view name) {
    const auto found = std::ranges::find(names_, name);
    return found == names_.end() ? kNone : static_cast<std::size_t>(found - names_.begin());
  };
  std::vector<std::size_t> study;
  study.reserve(kStudyColumns.size());
  for (const std::string_view name : kStudyColumns) study.push_back(find(name));
  status_ = find(kStatusColumn);
  if (status_ != kNone && std::ranges::count(study, kNone) == 0) study_ = std::move(study);
}

void Columns::require_features() const {
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < position_.size(); ++i) {
    if (position_[i] == kNone) missing.push_back(features_[i]);
  }
  if (missing.empty()) return;
  refuse_table(path_, fmt::format("{} of the model's {} features have no column: {}",
                                  missing.size(), features_.size(), fmt::join(missing, ", ")));
}

void Columns::name_ignored(std::ostream& notes) const {
  if (of_batch()) return;
  std::vector<bool> used(names_.size());
  for (const std::size_t position : position_) used[position] = true;
  std::vector<std::string> ignored;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!used[i]) ignored.push_back(fmt::format("\"{}\"", names_[i]));
  }
  if (ignored.empty()) return;
  notes << fmt::format("{}: columns that the model does not want are ignored: {}\n", path_.string(),
                       fmt::join(ignored, ", "));
}

bool Columns::failed(const Record& record) const {
  const std::string status = record.text(status_);
  if (status != "Success" && status != "Failure") {
    refuse_table(path_, fmt::format("line {}, column \"{}\": expected Success or Failure",
                                    record.line, kStatusColumn));
  }
  return status == "Failure";
}

double Columns::value(const Record& record, std::size_t feature) const {
  const std::size_t column = position_[feature];
  const auto value = record.number(column);
  const bool whole = of_batch();
  if (!value || (whole && std::isnan(*value))) {
    refuse_table(path_, fmt::format("line {}, column \"{}\": expected a number{}", record.line,
                                    names_[column], whole ? "" : " or nothing"));
  }
  return *value;
}

FeatureRow Columns::read(const Record& record) const {
  FeatureRow row;
  if (of_batch()) {
    for (const std::size_t column : study_) row.study.push_back(record.text(column));
    if (failed(record)) return row;
  }
  require_features();
  row.values.reserve(position_.size());
  for (std::size_t i = 0; i < position_.size(); ++i) row.values.push_back(value(record, i));
  return row;
}

}  // namespace ctclip::app
