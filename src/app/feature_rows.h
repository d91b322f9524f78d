#pragma once

#include <filesystem>
#include <memory>
#include <ostream>

#include "app/feature_columns.h"
#include "fusion/lightgbm.h"

namespace ctclip::app {

/// A table of features, read row by row.
class FeatureTable {
 public:
  virtual ~FeatureTable() = default;
  /// False after the last row. Throws Error{bad_parameter}: the file, line and column, what was
  /// expected, what was found; every missing column at once.
  virtual bool next(FeatureRow& row) = 0;
  /// Whether it is a result of `ctclip batch`: its rows tell their study, and some may have failed.
  virtual bool of_batch() const { return false; }
};

/// By the ending of the name:
///
/// .npy: an array (rows, features), or (features) for one row; columns by position.
/// .csv: if a field of the first record is no number, that record is a header, and columns are
/// found by name, blanks and underscores alike; what the model does not want is ignored and named
/// on `notes`. Otherwise columns go by position. An empty field, "nan" and "NA" are missing.
/// .jsonl: an object for each row, columns by name; null is missing.
///
/// `model` must outlive the table. Throws Error{bad_parameter} as `next` does, and for another
/// ending.
std::unique_ptr<FeatureTable> open_table(const std::filesystem::path& path,
                                         const lightgbm::Model& model, std::ostream& notes);

}  // namespace ctclip::app
