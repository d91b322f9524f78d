#include "fusion/lightgbm_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace ctclip::lightgbm {
namespace {

/// A piece of a file for a message: printable ASCII, not too long.
std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string result(text.substr(0, kLongest));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > kLongest ? result + "..." : result;
}

bool begins_block(std::string_view line) {
  return line.empty() || line.starts_with("Tree=") || line == "end of trees";
}

}  // namespace

void refuse(const std::string& origin, const std::string& what) {
  throw Error(Code::bad_model, fmt::format("{}: {}", origin, what));
}

std::optional<std::string_view> Lines::peek() const {
  if (rest_.empty()) return std::nullopt;
  std::string_view line = rest_.substr(0, rest_.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void Lines::skip() {
  const std::size_t end = rest_.find('\n');
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
}

std::vector<std::string_view> split_names(std::string_view list) {
  std::vector<std::string_view> items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(' ', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}
template std::optional<double> parse_number(std::string_view);
template std::optional<int32_t> parse_number(std::string_view);
template std::optional<uint32_t> parse_number(std::string_view);

Fields::Fields(Lines& lines, std::string origin, std::string block)
    : origin_(std::move(origin)), block_(std::move(block)) {
  for (; const auto line = lines.peek(); lines.skip()) {
    if (begins_block(*line)) break;
    const std::size_t equals = std::min(line->find('='), line->size());
    const std::string_view value = line->substr(std::min(equals + 1, line->size()));
    if (!values_.emplace(line->substr(0, equals), value).second) {
      refuse(fmt::format("\"{}\" comes twice", shown(line->substr(0, equals))));
    }
  }
}

void Fields::refuse(const std::string& what) const {
  lightgbm::refuse(origin_, fmt::format("{}: {}", block_, what));
}

std::string_view Fields::text(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) refuse(fmt::format("no line \"{}=\"", key));
  return found->second;
}

template <typename T>
std::vector<T> Fields::list(std::string_view key, std::size_t count) const {
  const std::string_view all = text(key);
  std::vector<T> items;
  items.reserve(std::min(count, all.size()));  // a count is not believed before its items are there
  for (std::size_t at = all.find_first_not_of(' '); at < all.size();) {
    const std::size_t end = std::min(all.find(' ', at), all.size());
    const auto value = parse_number<T>(all.substr(at, end - at));
    if (!value) {
      refuse(fmt::format("{}: item {} is \"{}\", expected a number in range", key, items.size(),
                         shown(all.substr(at, end - at))));
    }
    items.push_back(*value);
    at = all.find_first_not_of(' ', end);
  }
  if (items.size() != count) {
    refuse(fmt::format("{} has {} items, expected {}", key, items.size(), count));
  }
  return items;
}

std::vector<double> Fields::reals(std::string_view key, std::size_t count) const {
  return list<double>(key, count);
}

std::vector<uint32_t> Fields::words(std::string_view key, std::size_t count) const {
  return list<uint32_t>(key, count);
}

std::vector<int32_t> Fields::integers(std::string_view key, std::size_t count, int32_t min,
                                      int32_t max) const {
  std::vector<int32_t> items = list<int32_t>(key, count);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i] < min || items[i] > max) {
      refuse(fmt::format("{}: item {} is {}, expected {} to {}", key, i, items[i], min, max));
    }
  }
  return items;
}

int32_t Fields::integer(std::string_view key, int32_t min, int32_t max) const {
  return integers(key, 1, min, max).front();
}

}  // namespace ctclip::lightgbm
