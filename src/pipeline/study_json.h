#pragma once

#include <nlohmann/json_fwd.hpp>

#include "study/study.h"

namespace ctclip {

const char* name_of(KernelClass kernel_class);

/// What `details` and `inspect --json` say of a study: series and why they were taken or not,
/// volume, lungs, files that were passed over, warnings. No patients' names, IDs or file names;
/// UIDs it does show.
nlohmann::ordered_json describe_study(const StudyFacts& facts);

}  // namespace ctclip
