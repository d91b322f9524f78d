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
/// its reason and no numbers. Its path and `study_uid` are its identity; a row without `study_uid`
/// is about all that is at its path.
struct Row {
  std::string path;  ///< as_text of the study's file or folder, relative to the input
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
  std::vector<std::string> warnings;

  /// StudyInstanceUIDs of the other studies that are at the path, each to be asked for.
  std::vector<std::string> other_studies;

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
/// lacks a field, has a probability outside [0, 1], or is about another study than `asked_for` (if
/// one was) is a failure ("bad_answer"). That other studies were not looked at is no warning of the
/// row if `other_studies` has them: the table says so if they stay without a row.
Row make_row(const nlohmann::ordered_json& answer, const std::string& asked_for = {});

}  // namespace ctclip::batch
