#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "pipeline/analyser.h"
#include "study/study.h"

namespace ctclip {

/// Loads a bundle (service.md "Models that users already have") into what answers studies, and logs
/// one line: the bundle's name, and "not for patients" where its weights are not clinical.
/// `threads`: of the pool that computes; 0 for one on each core. `precision`: of all
/// networks but the denoiser, as
/// `choose_precision` takes it. `at_once`: studies in the detectors (see
/// Pipeline::compute_at_once). `load`: what reads the studies. Takes seconds and gigabytes. Throws
/// Error{bad_model}: the file, what was expected, what was found.
std::shared_ptr<const Analyser> load_analyser(const std::filesystem::path& models, int threads,
                                              std::string_view precision, int at_once = 0,
                                              StudyLoader load = load_study);

}  // namespace ctclip
