#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "fusion/lightgbm.h"

namespace ctclip::app {

/// The columns that tell which study a row of `ctclip batch` is about.
inline constexpr std::array<std::string_view, 3> kStudyColumns = {"path_to_study", "study_uid",
                                                                  "series_uid"};

/// A row of a table.
struct FeatureRow {
  /// In the model's column order, NaN for missing. Empty for a study that failed.
  std::vector<double> values;
  /// A text for each of kStudyColumns if the table is a result of `ctclip batch`, else empty.
  std::vector<std::string> study;
};

/// A row as a file has it, by the position of a column.
struct Record {
  std::size_t line = 0;
  /// NaN for a missing value, nothing for what is no number.
  std::function<std::optional<double>(std::size_t)> number;
  std::function<std::string(std::size_t)> text;
};

[[noreturn]] void refuse_table(const std::filesystem::path& path, const std::string& what);

/// Which column of a table is which feature of a model.
class Columns {
 public:
  /// Column i is feature i.
  static Columns by_position(std::filesystem::path path, const lightgbm::Model& model);
  /// By name, blanks and underscores alike. Throws Error{bad_parameter} if two columns are one
  /// feature.
  static Columns by_name(std::filesystem::path path, std::vector<std::string> names,
                         const lightgbm::Model& model);

  const std::vector<std::string>& names() const { return names_; }
  /// Whether these are the columns of a result of `ctclip batch`.
  bool of_batch() const { return !study_.empty(); }
  /// Throws Error{bad_parameter} naming every feature that has no column.
  void require_features() const;
  /// Names on `notes` the columns that the model does not want. Those of `ctclip batch` are
  /// expected, and not named.
  void name_ignored(std::ostream& notes) const;

  /// Throws Error{bad_parameter}: the line and column, and what was expected. A study of `ctclip
  /// batch` that succeeded must have every feature.
  FeatureRow read(const Record& record) const;

 private:
  Columns(std::filesystem::path path, std::vector<std::string> names, const lightgbm::Model& model);
  void match(const std::string& origin);
  void find_study();
  bool failed(const Record& record) const;
  double value(const Record& record, std::size_t feature) const;

  std::filesystem::path path_;
  std::vector<std::string> names_, features_;
  std::vector<std::size_t> position_;  ///< of each feature
  std::size_t status_ = 0;             ///< of a batch's result
  std::vector<std::size_t> study_;     ///< of kStudyColumns in one, else empty
};

}  // namespace ctclip::app
