#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "isolation/isolated_loader.h"
#include "isolation/messages.h"
#include "testing.h"

namespace ctclip::isolation {

/// What came of loading a study, by whichever loader.
struct Loaded {
  Volume volume;
  StudyFacts facts;
  std::optional<Error> error;
  std::vector<std::string> stages;
};

inline Loaded load_with(const StudyLoader& loader, const std::filesystem::path& study,
                        const StudyOptions& options = {}) {
  Loaded loaded;
  ThreadPool pool(2);
  Watch watch;
  try {
    loaded.volume = loader(study, options, pool, watch, loaded.facts);
  } catch (const Error& error) {
    loaded.error = error;
  }
  for (const auto& [stage, seconds] : watch.seconds()) loaded.stages.push_back(stage);
  return loaded;
}

inline std::optional<Code> code_of(const Loaded& loaded) {
  return loaded.error ? std::optional(loaded.error->code()) : std::nullopt;
}

/// The golden studies are ramps without lungs.
inline StudyOptions any_anatomy() {
  StudyOptions options;
  options.any_anatomy = true;
  return options;
}

}  // namespace ctclip::isolation
