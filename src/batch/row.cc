#include "batch/row.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.h"
#include "base/uid.h"
#include "study/series.h"

namespace ctclip::batch {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kLongestText = 2000;  // of what a service says; ours says a sentence

constexpr std::size_t kMostWarnings = 100;

std::string shortened(std::string text) {
  if (text.size() <= kLongestText) return text;
  std::size_t end = kLongestText;  // not within a character
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

std::string text_in(const ordered_json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return {};
  return shortened(found->get<std::string>());
}

/// Of an array, the elements that are texts.
std::vector<std::string> texts_in(const ordered_json& json, const char* name, std::size_t most) {
  std::vector<std::string> texts;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_array()) return texts;
  for (const ordered_json& element : *found) {
    if (texts.size() == most) break;
    if (element.is_string()) texts.push_back(shortened(element.get<std::string>()));
  }
  return texts;
}

std::optional<double> number_in(const ordered_json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

/// 0 or 1; a number that is neither says nothing.
std::optional<int> verdict_in(const ordered_json& json) {
  const auto number = number_in(json, "pathology");
  if (!number || (*number != 0 && *number != 1)) return std::nullopt;
  return static_cast<int>(*number);
}

/// Throws Error{usage} for a number with a fraction or beyond 64 bits, which no cast may see.
int64_t whole_in(const ordered_json& json, const char* name) {
  const ordered_json& value = json.at(name);
  if (!value.is_number_integer()) {
    throw Error(Code::usage, fmt::format("no row of a batch: {} is no whole number", name));
  }
  return value.get<int64_t>();
}

template <typename Value>
ordered_json or_null(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

void add_probabilities(const ordered_json& details, Row& row) {
  const auto models = details.find("probabilities");
  if (models == details.end() || !models->is_object()) return;
  for (const auto& [model, pathologies] : models->items()) {
    for (const auto& [name, value] : pathologies.items()) {
      if (value.is_number())
        row.probabilities.emplace_back(fmt::format("{}_{}", model, name), value);
    }
  }
}

/// What the features add to the pathologies: aggregates of the models and of the slices.
void add_aggregates(const ordered_json& details, Row& row) {
  const auto features = details.find("features");
  if (features == details.end() || !features->is_object()) return;
  std::unordered_set<std::string> known;
  for (const auto& probability : row.probabilities) known.insert(probability.first);
  for (const auto& [name, value] : features->items()) {
    if (!value.is_number() || known.contains(name)) continue;
    auto& list = name.ends_with("_probability") ? row.probabilities : row.features;
    list.emplace_back(name, value);
  }
}

ordered_json object_of(const std::vector<std::pair<std::string, double>>& values) {
  ordered_json object = ordered_json::object();
  for (const auto& [name, value] : values) object[name] = value;
  return object;
}

std::vector<std::pair<std::string, double>> values_in(const ordered_json& object) {
  std::vector<std::pair<std::string, double>> values;
  for (const auto& [name, value] : object.items()) values.emplace_back(name, value);
  return values;
}

/// Warnings, and what else is in the archive. What cannot be asked for by its UID stays a warning.
void add_study(const ordered_json& study, Row& row) {
  row.warnings = texts_in(study, "warnings", kMostWarnings);
  std::vector<std::string> of_series;
  if (const auto series = study.find("series"); series != study.end() && series->is_array()) {
    for (const ordered_json& one : *series) of_series.push_back(text_in(one, "study_uid"));
  }
  row.other_studies = other_studies(of_series, row.study_uid);
  const auto erased = std::erase(row.warnings, other_studies_warning(row.other_studies));
  const auto nameless =
      std::stable_partition(row.other_studies.begin(), row.other_studies.end(),
                            [](const std::string& text) { return !uid_of(text).empty(); });
  const std::string rest = other_studies_warning({nameless, row.other_studies.end()});
  if (erased > 0 && !rest.empty()) row.warnings.push_back(rest);
  row.other_studies.erase(nameless, row.other_studies.end());
}

void add_details(const ordered_json& details, Row& row) {
  if (!details.is_object()) return;
  if (const auto study = details.find("study"); study != details.end()) add_study(*study, row);
  add_probabilities(details, row);
  add_aggregates(details, row);
  if (const auto bundle = details.find("bundle"); bundle != details.end() && bundle->is_object()) {
    row.models = text_in(*bundle, "sha256");
  }
}

void fail(Row& row, const std::string& code, const std::string& reason) {
  row.success = false;
  row.probability_of_pathology.reset();
  row.pathology.reset();
  row.time_of_processing.reset();
  row.most_dangerous_pathology_type.clear();
  row.probabilities.clear();
  row.features.clear();
  row.error_code = code;
  row.error = reason;
}

bool is_whole(const Row& row) {
  const auto& probability = row.probability_of_pathology;
  return probability && *probability >= 0 && *probability <= 1 && row.pathology;
}

}  // namespace

Row make_row(const ordered_json& answer, const std::string& asked_for) {
  Row row;
  row.study_uid = uid_of(text_in(answer, "study_uid"));
  const bool misses = !asked_for.empty() && row.study_uid != asked_for;
  if (misses) row.study_uid = asked_for;
  row.series_uid = uid_of(text_in(answer, "series_uid"));
  row.time_of_processing = number_in(answer, "time_of_processing");
  row.bundle = text_in(answer, "bundle");
  row.warnings = texts_in(answer, "warnings", kMostWarnings);
  if (answer.contains("details")) add_details(answer["details"], row);
  if (text_in(answer, "processing_status") != "Success") {
    const std::string reason = text_in(answer, "error"), code = text_in(answer, "error_code");
    fail(row, code.empty() ? "failed" : code, reason.empty() ? "No reason was given." : reason);
    return row;
  }
  row.success = true;
  row.probability_of_pathology = number_in(answer, "probability_of_pathology");
  row.pathology = verdict_in(answer);
  row.most_dangerous_pathology_type = text_in(answer, "most_dangerous_pathology_type");
  if (misses) fail(row, "bad_answer", "The answer is about another study than was asked for.");
  if (row.success && !is_whole(row))
    fail(row, "bad_answer", "The answer says Success but has no result in it.");
  return row;
}

ordered_json to_json(const Row& row) {
  const Fingerprint& print = row.fingerprint;
  return {{"path", row.path},
          {"size", print.size},
          {"modified", print.modified},
          {"files", print.files},
          {"tries", row.tries},
          {"models", row.models},
          {"bundle", row.bundle},
          {"error_code", row.error_code},
          {"row",
           {{"path_to_study", row.path_to_study},
            {"study_uid", row.study_uid},
            {"series_uid", row.series_uid},
            {"probability_of_pathology", or_null(row.probability_of_pathology)},
            {"pathology", or_null(row.pathology)},
            {"processing_status", row.success ? "Success" : "Failure"},
            {"time_of_processing", or_null(row.time_of_processing)},
            {"most_dangerous_pathology_type", row.most_dangerous_pathology_type},
            {"error", row.error},
            {"warnings", row.warnings}}},
          {"other_studies", row.other_studies},
          {"probabilities", object_of(row.probabilities)},
          {"features", object_of(row.features)}};
}

Row row_of(const ordered_json& json) {
  try {
    const ordered_json& columns = json.at("row");
    Row row;
    row.path = json.at("path");
    row.fingerprint = {whole_in(json, "size"), whole_in(json, "modified"), whole_in(json, "files")};
    row.tries = whole_in(json, "tries");
    row.models = json.at("models");
    row.bundle = json.at("bundle");
    row.error_code = json.at("error_code");
    row.path_to_study = columns.at("path_to_study");
    row.study_uid = uid_of(columns.at("study_uid").get<std::string>());
    row.series_uid = uid_of(columns.at("series_uid").get<std::string>());
    row.probability_of_pathology = number_in(columns, "probability_of_pathology");
    row.pathology = verdict_in(columns);
    row.success = columns.at("processing_status") == "Success";
    row.time_of_processing = number_in(columns, "time_of_processing");
    row.most_dangerous_pathology_type = columns.at("most_dangerous_pathology_type");
    row.error = columns.at("error");
    columns.at("warnings").get_to(row.warnings);
    json.at("other_studies").get_to(row.other_studies);
    row.probabilities = values_in(json.at("probabilities"));
    row.features = values_in(json.at("features"));
    return row;
  } catch (const nlohmann::json::exception& error) {
    throw Error(Code::usage, std::string("no row of a batch: ") + error.what());
  }
}

}  // namespace ctclip::batch
