#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "batch/backend.h"
#include "batch/progress.h"
#include "batch/retry.h"
#include "batch/shard.h"
#include "study/limits.h"

namespace ctclip::batch {

struct BatchOptions {
  std::filesystem::path input, output;
  std::string answering;  ///< "service" or "in process": a batch is not begun by one and ended by
                          ///< the other
  Shard shard;
  int jobs = 1;  ///< studies at once
  RetryPolicy retry;
  Limits limits;
  std::optional<double> threshold;
  bool any_anatomy = false;
  bool resume = false;        ///< go on with what is there
  bool overwrite = false;     ///< remove what is there
  bool retry_failed = false;  ///< with resume: answer failed studies anew
};

/// How a batch is told to end early.
struct Stops {
  std::stop_token finish;   ///< begin no other study
  std::stop_token abandon;  ///< nor wait for those that are being answered
};

struct Ran {
  int64_t studies = 0;  ///< of the input, or of its shard
  int64_t rows = 0;     ///< of these, how many have one
  std::string stopped;  ///< why it ended early, a sentence; empty where it was told to, or did not
  bool complete() const { return rows == studies; }
};

/// Finds the studies of the input and has each answered, several at once; their rows are in the
/// output's journal when this returns, each from the moment it is known. `open_backend` is called
/// once, if there is anything to do, and may take its time; what it gives is called by each worker.
/// Throws Error{usage} where there is something to resume or to overwrite but nothing was said,
/// where the journal is of another batch, and where there is no study; Error{bad_model} where
/// answers come from other models than the rows before; Error{disk_full, internal} where rows
/// cannot be kept.
Ran run_batch(const BatchOptions& options, const std::function<MakeBackend()>& open_backend,
              const Stops& stops, Progress& progress);

}  // namespace ctclip::batch
