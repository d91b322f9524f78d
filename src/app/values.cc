#include "app/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "server/text.h"

namespace ctclip::app {
namespace {

template <typename Number>
std::optional<Number> parse(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// How often a unit holds a byte; none for what is no unit. "M", "MB", "Mi" and "MiB" are the same.
std::optional<uint64_t> bytes_in(std::string_view unit) {
  constexpr std::string_view kPrefixes = "kmgtpe";
  const std::string name = lower(unit);
  if (name.empty() || name == "b") return 1;
  const std::size_t power = kPrefixes.find(name.front());
  const std::string_view rest = std::string_view(name).substr(1);
  if (power == std::string_view::npos ||
      (!rest.empty() && rest != "b" && rest != "i" && rest != "ib")) {
    return std::nullopt;
  }
  return uint64_t{1} << (10 * (power + 1));
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse<uint64_t>(text.substr(0, digits));
  const auto unit = bytes_in(text.substr(digits));
  if (!count || !unit || *count > std::numeric_limits<uint64_t>::max() / *unit) return std::nullopt;
  return *count * *unit;
}

/// The description shows the range in --help, as that of CLI::Range would.
template <typename Number, typename Parse>
CLI::Option* take(CLI::Option* option, const char* type, const char* meaning, Number least,
                  Number most, Parse parse) {
  CLI::Validator validator(fmt::format("{} in [{} - {}]", type, least, most));
  validator.operation([=](std::string& typed) -> std::string {
    const std::optional<Number> value = parse(typed);
    if (value && *value >= least && *value <= most) {
      typed = fmt::format("{}", *value);
      return {};
    }
    return fmt::format("expected {} from {} to {}, found \"{}\"", meaning, least, most, typed);
  });
  return option->transform(validator);
}

}  // namespace

CLI::Option* take_number(CLI::Option* option, int64_t least, int64_t most) {
  return take(option, "INT", "a whole number", least, most, parse<int64_t>);
}

// NaN is in no range: every comparison with it is false.
CLI::Option* take_seconds(CLI::Option* option, double least, double most) {
  return take(option, "FLOAT", "seconds", least, most, parse<double>);
}

CLI::Option* take_bytes(CLI::Option* option, uint64_t least, uint64_t most) {
  return take(option, "SIZE", "bytes, as 500000000 or 500M,", least, most, parse_bytes);
}

}  // namespace ctclip::app
