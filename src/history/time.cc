#include "history/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

namespace ctclip::history {
namespace {

using std::chrono::floor;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

/// Takes `digits` digits and the mark behind them from the front of `text`.
std::optional<int> take(std::string_view& text, std::size_t digits, std::string_view mark) {
  int value = 0;
  if (text.size() < digits + mark.size()) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || value < 0) return std::nullopt;
  if (text.substr(digits, mark.size()) != mark) return std::nullopt;
  text.remove_prefix(digits + mark.size());
  return value;
}

/// "10:52:04.123Z" or "10:52:04Z" as milliseconds.
std::optional<Time> parse_clock(std::string_view text) {
  const auto hours = take(text, 2, ":");
  const auto minutes = hours ? take(text, 2, ":") : std::nullopt;
  const auto seconds = minutes ? take(text, 2, "") : std::nullopt;
  if (!seconds || *hours > 23 || *minutes > 59 || *seconds > 59) return std::nullopt;
  const Time whole = ((*hours * 60 + *minutes) * 60 + *seconds) * Time{1000};
  if (text == "Z") return whole;
  if (!text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const auto fraction = take(text, 3, "Z");
  return fraction && text.empty() ? std::optional(whole + *fraction) : std::nullopt;
}

}  // namespace

Time now() {
  return floor<milliseconds>(std::chrono::system_clock::now()).time_since_epoch().count();
}

std::string iso_time(Time time) {
  const std::chrono::sys_time<milliseconds> at{milliseconds(time)};
  const auto day = floor<std::chrono::days>(at);
  const year_month_day date(day);
  const std::chrono::hh_mm_ss clock(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<Time> parse_time(std::string_view text) {
  const auto years = take(text, 4, "-");
  const auto months = years ? take(text, 2, "-") : std::nullopt;
  const auto days = months ? take(text, 2, "") : std::nullopt;
  if (!days) return std::nullopt;
  const year_month_day date{std::chrono::year(*years), std::chrono::month(*months),
                            std::chrono::day(*days)};
  if (!date.ok()) return std::nullopt;
  const Time day = milliseconds(sys_days(date).time_since_epoch()).count();
  if (text.empty()) return day;
  if (!text.starts_with('T')) return std::nullopt;
  const auto clock = parse_clock(text.substr(1));
  return clock ? std::optional(day + *clock) : std::nullopt;
}

}  // namespace ctclip::history
