#include "pipeline/answer.h"

#include <nlohmann/json.hpp>

#include "fusion/names.h"
#include "pipeline/pipeline.h"
#include "pipeline/study_json.h"

namespace ctclip {
namespace {

using nlohmann::ordered_json;

ordered_json probabilities(const std::vector<PathologyScore>& scores) {
  ordered_json node = ordered_json::object();
  for (const PathologyScore& score : scores) node[score.name] = score.probability;
  return node;
}

ordered_json describe_bundle(const Bundle& bundle, const std::string& hash) {
  return {{"name", bundle.title()},
          {"clinical", bundle.clinical},
          {"sha256", hash},
          {"licence", bundle.licence},
          {"provenance", bundle.provenance}};
}

}  // namespace

ordered_json success_answer(const Bundle& bundle, const StudyFacts& facts, const Result& result,
                            double seconds) {
  ordered_json answer = {{"study_uid", facts.study_uid},
                         {"series_uid", facts.series_uid},
                         {"probability_of_pathology", result.decision.probability},
                         {"pathology", result.decision.pathology ? 1 : 0},
                         {"most_dangerous_pathology_type", result.decision.most_dangerous},
                         {"processing_status", "Success"},
                         {"time_of_processing", seconds}};
  if (!bundle.clinical) answer["bundle"] = bundle.title();
  if (!facts.warnings.empty()) answer["warnings"] = facts.warnings;
  return answer;
}

ordered_json failure_answer(const Error& error, const std::string& study_uid,
                            const std::string& series_uid, double seconds,
                            const std::vector<std::string>& warnings) {
  ordered_json answer = {{"study_uid", study_uid},
                         {"series_uid", series_uid},
                         {"probability_of_pathology", nullptr},
                         {"pathology", nullptr},
                         {"most_dangerous_pathology_type", nullptr},
                         {"processing_status", "Failure"},
                         {"time_of_processing", seconds},
                         {"error", error.what()},
                         {"error_code", info(error.code()).name}};
  if (!warnings.empty()) answer["warnings"] = warnings;
  return answer;
}

std::vector<std::string> take_warnings(ordered_json& answer) {
  const auto found = answer.find("warnings");
  if (found == answer.end()) return {};
  auto warnings = found->get<std::vector<std::string>>();
  answer.erase(found);
  return warnings;
}

ordered_json answer_details(const Bundle& bundle, const std::string& bundle_hash,
                            const StudyFacts& facts, const Result& result, const Watch& watch) {
  ordered_json features = ordered_json::object();
  ordered_json shap = ordered_json::object();
  for (std::size_t i = 0; i < result.decision.features.size(); ++i) {
    const Feature& feature = result.decision.features[i];
    features[feature.name] = feature.value;
    shap[feature.name] = result.decision.shap.at(i);
  }
  ordered_json seconds = ordered_json::object();
  for (const auto& [stage, spent] : watch.seconds()) seconds[stage] = spent;
  return {
      {"warning", kWarningEnglish},
      {"warning_ru", kWarningRussian},
      {"bundle", describe_bundle(bundle, bundle_hash)},
      {"version", CTCLIP_VERSION},
      {"interpretation", interpretation(result.decision.probability)},
      {"interpretation_ru", interpretation_russian(result.decision.probability)},
      {"threshold", result.threshold},
      {"most_dangerous_pathology_type_ru", readable_name_russian(result.decision.most_dangerous)},
      {"probabilities",
       {{"ctclip", probabilities(result.scores.ctclip)},
        {"supervised", probabilities(result.scores.supervised)}}},
      {"features", features},
      {"shap", shap},
      {"shap_expected_value", result.decision.shap.back()},
      {"study", describe_study(facts)},
      {"seconds", seconds}};
}

}  // namespace ctclip
