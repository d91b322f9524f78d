#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <span>

#include "fusion/lightgbm.h"

namespace ctclip::app {

using RowConsumer = std::function<void(std::span<const double>)>;

/// Gives `consume` every row of a table in the model's column order, NaN for missing.
///
/// .npy: an array (rows, features), or (features) for one row; columns by position.
/// .csv: where a field of the first record is no number, that record is a header, and columns are
/// found by name, blanks and underscores alike; what the model does not want is ignored and named
/// on `notes`. Otherwise columns go by position. An empty field, "nan" and "NA" are missing.
///
/// Throws Error{bad_parameter}: the file, line and column, what was expected, what was found; every
/// missing column at once.
void for_each_row(const std::filesystem::path& path, const lightgbm::Model& model,
                  std::ostream& notes, const RowConsumer& consume);

}  // namespace ctclip::app
