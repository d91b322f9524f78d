#pragma once

#include "base/parallel.h"
#include "nn/engine.h"

namespace ctclip::bench {

/// The machine's own peak now: GFLOP/s of oneDNN's matrix product (1152 x 2048 by 2048 x 2048 on
/// each thread) in that precision, best of several rounds. Every share of the peak is of this
/// figure, measured in the same run.
double peak_gflops(ThreadPool& pool, nn::Precision precision = nn::Precision::f32);

}  // namespace ctclip::bench
