#pragma once

#include "base/parallel.h"

namespace ctclip::bench {

/// The machine's own peak now: GFLOP/s of oneDNN's float32 matrix product (1152 x 2048 by 2048 x
/// 2048 on each thread), best of several rounds. Every share of the peak is of this figure,
/// measured in the same run.
double peak_gflops(ThreadPool& pool);

}  // namespace ctclip::bench
