#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctclip::history {

/// Milliseconds since 1970, UTC, by the wall clock: when something was, for people. Never how long
/// it took, and never what comes first: a clock may jump.
using Time = int64_t;

Time now();
/// "2026-11-24T10:52:04.123Z"
std::string iso_time(Time time);
/// The same, with or without the fraction, or "2026-11-24" for its first moment; none for another
/// text.
std::optional<Time> parse_time(std::string_view text);

}  // namespace ctclip::history
