#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/error.h"

namespace ctclip {

class Watch;
struct Bundle;
struct Result;
struct StudyFacts;

/// The guide's seven fields in its order. An answer of a bundle that is not clinical has one more,
/// `bundle`, which says so; one with warnings has `warnings`.
nlohmann::ordered_json success_answer(const Bundle& bundle, const StudyFacts& facts,
                                      const Result& result, double seconds);

/// The answer to a study that failed, any reason (service.md "Answer"): the guide's fields with
/// nulls, `processing_status` "Failure", `error` (one clear sentence), `error_code`; `warnings` if
/// there are any. The UIDs are empty where they are not known.
nlohmann::ordered_json failure_answer(const Error& error, const std::string& study_uid,
                                      const std::string& series_uid, double seconds,
                                      const std::vector<std::string>& warnings = {});

/// Takes the field `warnings` out of an answer; none where there is no such field.
std::vector<std::string> take_warnings(nlohmann::ordered_json& answer);

/// `details`: every probability by model, features, SHAP values, interpretation, series and why
/// they were taken or not, warnings, bundle, seconds by stage; and the warning of the guide.
nlohmann::ordered_json answer_details(const Bundle& bundle, const std::string& bundle_hash,
                                      const StudyFacts& facts, const Result& result,
                                      const Watch& watch);

}  // namespace ctclip
