#pragma once

#include <nlohmann/json_fwd.hpp>

#include "server/reply.h"
#include "server/studies.h"

namespace ctclip {

/// Who reads of studies: which ones there are for it, and in what words.
struct Reader {
  history::Viewer viewer;
  Asker asker;
};

/// A study as the API shows it (docs/openapi.json "StudyState"), without its result.
nlohmann::ordered_json summary_of(const StudyNow& now);
/// The same with its result, once there is one, as whoever asks is told it.
nlohmann::ordered_json state_of(const StudyNow& now, const Asker& asker);

/// An ended study's answer as /predict gives it; 409 for one that was cancelled.
Reply answer_of(const history::Study& study, const Asker& asker);

}  // namespace ctclip
