#pragma once

#include "base/parallel.h"
#include "bench/networks.h"

namespace ctclip::bench {

/// Where the time of a network goes, as Markdown tables: CPU seconds of its parts, each the least
/// of a few rounds, so that a busy machine disturbs little; GFLOP/s of a thread, and the share of
/// one thread's peak by the same clock.
void print_encoder_parts(const NetworkBench& bench, ThreadPool& pool);
void print_slice_parts(const NetworkBench& bench, ThreadPool& pool);
/// Each shape of the slice networks' convolutions by each method, on one thread.
void print_convolutions();

}  // namespace ctclip::bench
