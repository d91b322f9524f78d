#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "batch/backend.h"
#include "pipeline/analyser.h"

namespace ctclip::batch {

struct InProcessOptions {
  std::chrono::milliseconds timeout{0};  ///< for a study
  std::optional<double> threshold;
  bool any_anatomy = false;
};

/// Answers studies in this process. A study that takes longer than the timeout is cancelled and
/// fails: it would take as long another time.
std::unique_ptr<Backend> make_in_process(std::shared_ptr<const Analyser> analyser,
                                         const InProcessOptions& options);

}  // namespace ctclip::batch
