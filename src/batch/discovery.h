#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>

#include "batch/index.h"
#include "study/limits.h"

namespace ctclip::batch {

/// What was seen on the way.
struct Discovered {
  int64_t files = 0;        ///< that are studies or belong to one
  int64_t passed_over = 0;  ///< that are not
};

/// Called with the files seen so far, now and then.
using SeenFiles = std::function<void(int64_t)>;

/// Adds every file of a study below `input`, at any depth, to `index`; does not group them. Reads
/// headers only, several files at once; holds a few hundred names in memory, whatever is there.
/// Links to files are followed, links to folders are not. Ends early where a stop is requested.
/// Throws Error{usage} where `input` or a folder in it cannot be listed.
Discovered discover(const std::filesystem::path& input, const Limits& limits, Index& index,
                    const std::stop_token& stop, const SeenFiles& seen);

}  // namespace ctclip::batch
