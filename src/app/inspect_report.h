#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "study/study.h"

namespace ctclip::app {

/// What `load_study` found, and why it stopped where it did.
struct StudyReport {
  StudyFacts facts;
  std::optional<Error> error;
  bool any_anatomy = false;
};

/// Neither shows patients' names, IDs or file names; UIDs they do.
nlohmann::ordered_json report_json(const StudyReport& report);
std::string report_text(const StudyReport& report);

}  // namespace ctclip::app
