#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "pipeline/analyser.h"

namespace ctclip {

/// Loads a bundle (service.md "Models that users already have") into what answers studies, and logs
/// one line: the bundle's name, and "not for patients" where its weights are not clinical.
/// `threads`: of the pool that computes; 0 for one on each core. `precision`: see nn/precision.h.
/// Takes seconds and gigabytes. Throws Error{bad_model}: the file, what was expected, what was
/// found; Error{usage} for a precision that the processor lacks.
std::shared_ptr<const Analyser> load_analyser(const std::filesystem::path& models, int threads,
                                              std::string_view precision = "f32");

}  // namespace ctclip
