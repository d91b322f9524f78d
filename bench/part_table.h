#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/precision.h"

namespace ctclip::bench {

struct Part {
  std::string name;
  double seconds = 0;  ///< of CPU, all threads together
  double gflop = 0;    ///< 0 where nobody has counted
};

/// CPU seconds of the quickest of so many calls.
double least_cpu_seconds(int calls, const std::function<void()>& call);

/// A Markdown table of parts and their sum; the peak is that of one thread, by the CPU clock too.
void print_parts(const std::string& title, const std::vector<Part>& parts, nn::Precision precision);

}  // namespace ctclip::bench
