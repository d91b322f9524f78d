#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace ctclip::app {

// What options take: whole values only, without blanks, signs that the range does not have, or
// anything behind the number. Each refusal tells what is allowed and what was found.

/// A whole number.
CLI::Option* take_number(CLI::Option* option, int64_t least, int64_t most);
/// Seconds, also with a fraction; never NaN or infinity.
CLI::Option* take_seconds(CLI::Option* option, double least, double most);
/// Bytes, or KiB to EiB, as `500M`, `500MB`, `500Mi` or `500MiB`.
CLI::Option* take_bytes(CLI::Option* option, uint64_t least, uint64_t most);

}  // namespace ctclip::app
