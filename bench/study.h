#pragma once

#include <filesystem>
#include <memory>

#include "base/parallel.h"
#include "bench/worker.h"
#include "nn/precision.h"

namespace ctclip::bench {

/// A whole study through the pipeline; each round tells its "stages" (seconds by name), and the
/// worker's facts the GFLOP of the stages that are networks. `start_seconds` is what a service
/// would take to be ready. Throws Error where the study cannot be answered.
Worker study_worker(const std::filesystem::path& models, const std::filesystem::path& study,
                    std::shared_ptr<ThreadPool> pool, nn::Precision precision);

/// What comes before the networks alone: find the slices, decode, check for lungs, prepare. Each
/// round tells its "stages".
Worker reading_worker(const std::filesystem::path& study, std::shared_ptr<ThreadPool> pool);

}  // namespace ctclip::bench
