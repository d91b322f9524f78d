#pragma once

#include <memory>
#include <string>

#include "base/parallel.h"
#include "base/watch.h"
#include "checkpoint/checkpoint.h"
#include "models/transformer.h"
#include "nn/engine.h"
#include "nn/precision.h"
#include "nn/workspace.h"
#include "testing.h"

#define NEEDS_BF16() \
  if (!nn::multiplies_bf16()) GTEST_SKIP() << "this processor does not multiply bfloat16"

namespace ctclip::testing {

/// Relative distance |found - expected| / |expected| in the Euclidean norm. A computation in
/// float32 whose steps each round once keeps it within a small multiple of the epsilon, times the
/// square root of the steps.
inline double relative_distance(std::span<const float> found, std::span<const double> expected) {
  if (found.size() != expected.size()) return INFINITY;
  double distance = 0;
  double norm = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    distance += (found[i] - expected[i]) * (found[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(distance / norm);
}

inline Weights golden_weights(const std::string& file) {
  return Weights(Checkpoint::open(golden(file)));
}

/// What a forward pass needs.
struct Bench {
  ThreadPool pool{2};
  nn::Engine engine{pool};
  nn::Workspace work;
  Watch watch;
  models::Trace trace;
  models::Pass pass() { return {engine, work, watch, trace}; }
};

}  // namespace ctclip::testing
