#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "batch/index.h"

namespace ctclip::batch {

/// What became of one study: a line of the journal, a row of the result. A study that failed has
/// its reason and no numbers.
struct Row {
  std::string path;  ///< as_text of the study's, relative to the input: its identity
  Fingerprint fingerprint;
  int64_t tries = 1;
  std::string models;      ///< SHA-256 of the bundle that answered; empty where it does not tell
  std::string bundle;      ///< its name, where it says that it is not clinical
  std::string error_code;  ///< docs/errors.md, or one of the client's own: docs/batch.md

  // The columns of the result, named as there.
  std::string path_to_study, study_uid, series_uid;
  std::optional<double> probability_of_pathology;
  std::optional<int> pathology;
  bool success = false;
  std::optional<double> time_of_processing;  ///< seconds
  std::string most_dangerous_pathology_type, error;

  /// By feature name: of every pathology by either model, and the aggregates that are
  /// probabilities; in the order of the answer.
  std::vector<std::pair<std::string, double>> probabilities;
  /// Every other feature that the fusion took, likewise.
  std::vector<std::pair<std::string, double>> features;
};

nlohmann::ordered_json to_json(const Row& row);
/// Throws Error{usage} where it is no row.
Row row_of(const nlohmann::ordered_json& json);

/// The row of an answer of /predict?details=true or of `Analyser`. An answer that says Success but
/// lacks a field, or has a probability outside [0, 1], is a failure ("bad_answer").
Row make_row(const nlohmann::ordered_json& answer);

}  // namespace ctclip::batch
