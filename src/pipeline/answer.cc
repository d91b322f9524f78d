#include "pipeline/answer.h"

#include <nlohmann/json.hpp>

namespace ctclip {

nlohmann::ordered_json failure_answer(const Error& error, const std::string& study_uid,
                                      const std::string& series_uid, double seconds) {
  return {{"study_uid", study_uid},
          {"series_uid", series_uid},
          {"probability_of_pathology", nullptr},
          {"pathology", nullptr},
          {"most_dangerous_pathology_type", nullptr},
          {"processing_status", "Failure"},
          {"time_of_processing", seconds},
          {"error", error.what()},
          {"error_code", info(error.code()).name}};
}

}  // namespace ctclip
