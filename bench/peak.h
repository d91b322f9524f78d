#pragma once

#include "base/parallel.h"
#include "bench/worker.h"
#include "nn/precision.h"

namespace ctclip::bench {

struct Peak {
  double all = 0;  ///< GFLOP/s of all threads together, by the wall clock
  double thread =
      0;  ///< of one of them, by the CPU clock: what other processes take does not count
};

/// The machine's own peak now: oneDNN's matrix product (1152 x 2048 by 2048 x 2048, its own packed
/// weights, on each thread) in that precision, summed in float32; best of several rounds. Every
/// share of the peak is of this figure, measured in the same run. It asks oneDNN itself, not the
/// layers of the networks: a peak measured by what is being measured would prove nothing.
Peak peak_gflops(ThreadPool& pool, nn::Precision precision);

/// A worker whose rounds tell the peak as "gflops" and "thread_gflops".
Worker peak_worker(ThreadPool& pool, nn::Precision precision);

}  // namespace ctclip::bench
