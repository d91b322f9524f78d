#pragma once

#include <string>

#include "history/store.h"
#include "pipeline/analyser.h"
#include "server/jobs.h"

namespace ctclip {

// Between what the detectors are asked and answer, and what the history keeps of it.

/// What changes an answer, as JSON with sorted keys.
std::string options_of(const AnalysisRequest& request);
/// The other way. Throws nlohmann::json::exception for what `options_of` did not make.
AnalysisRequest request_of(const std::string& options, const Limits& limits);

/// What the history keeps of an answer. `facts`: of the models that gave it.
history::Outcome outcome_of(const Analysis& analysis, const Job& job, const AnalyserFacts& facts);
/// Of a study that gets no further.
history::Outcome outcome_of(const Error& error);
/// The study as it is once it has ended so.
void apply(const history::Outcome& outcome, history::Study& study);

}  // namespace ctclip
