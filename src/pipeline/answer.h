#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/error.h"

namespace ctclip {

/// The answer to a study that failed, any reason (service.md "Answer"): the guide's fields with
/// nulls, `processing_status` "Failure", `error` (one clear sentence), `error_code`. The UIDs are
/// empty where they are not known.
nlohmann::ordered_json failure_answer(const Error& error, const std::string& study_uid,
                                      const std::string& series_uid, double seconds);

}  // namespace ctclip
