#pragma once

#include <cstdint>

namespace ctclip {

/// What the kernel says of this process (proc(5)). A figure that it does not tell is 0.
struct ProcessFigures {
  uint64_t resident = 0;  ///< bytes in memory
  uint64_t peak = 0;      ///< the most of them so far
  uint64_t threads = 0;
  uint64_t descriptors = 0;       ///< open
  uint64_t most_descriptors = 0;  ///< that it may open
  double cpu_seconds = 0;         ///< of all threads
};
ProcessFigures process_figures();

}  // namespace ctclip
