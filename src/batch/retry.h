#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "batch/backend.h"

namespace ctclip::batch {

struct RetryPolicy {
  int retries = 10;                        ///< after the first try
  std::chrono::milliseconds first{1'000};  ///< before the second try; doubles with each
  std::chrono::milliseconds longest{60'000};
  std::chrono::seconds longest_told{600};  ///< of what a Retry-After may ask for
};

/// The wait after try number `tries` (from 1): what the service asked for and up to a second more,
/// or else between half and all of first * 2^(tries - 1), at most `longest`. `chance` in [0, 1)
/// spreads clients that were refused together.
std::chrono::milliseconds wait_after(int tries, std::optional<std::chrono::seconds> told,
                                     const RetryPolicy& policy, double chance);

/// Waits; false where the batch was told to stop.
using Wait = std::function<bool(std::chrono::milliseconds)>;

/// The longest that is waited after try number `tries`, if the service asks for nothing else.
std::chrono::milliseconds patience_left(int tries, const RetryPolicy& policy);

/// Hears of a try that has to be repeated, before the wait, and of `patience_left`.
using Told = std::function<void(const Reply&, std::chrono::milliseconds left)>;

// NOLINTNEXTLINE(bugprone-exception-escape): as Reply
struct Asked {
  Reply reply;  ///< the last
  int tries = 0;
};

/// Asks until there is an answer, trying again does not help, or the tries are used up. `number`
/// is the study's: the waits depend on it and nothing else.
Asked ask_patiently(Backend& backend, const Question& question, int64_t number,
                    const RetryPolicy& policy, const Wait& wait, const std::stop_token& stop,
                    const Told& told = {});

}  // namespace ctclip::batch
