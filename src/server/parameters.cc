#include "server/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/split.h"
#include "base/uid.h"
#include "server/text.h"

namespace ctclip {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"any_anatomy", "details",   "fresh",
                                                    "series_uid",  "study_uid", "threshold"};

bool read_bool(const std::string& name, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  refuse_parameter(name, "true or false", value);
}

double read_probability(const std::string& name, const std::string& value) {
  double number = -1;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole || !(number >= 0 && number <= 1))
    refuse_parameter(name, "a number from 0 to 1", value);
  return number;
}

/// What is no UID is not quoted: it may be somebody's name.
std::string read_uid(const std::string& name, const std::string& value) {
  std::string uid = uid_of(value);
  if (!uid.empty()) return uid;
  throw Error(Code::bad_parameter, "Parameter '" + name +
                                       "': expected a UID of 1 to 64 digits and dots, found "
                                       "something else.");
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      throw Error(Code::bad_parameter, "The query has a percent sign without two hex digits.");
    }
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

}  // namespace

Target split_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t path = target.find('/', scheme.size());
    target = path == std::string_view::npos ? "/" : target.substr(path);
    break;
  }
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {std::string(target), {}};
  return {std::string(target.substr(0, mark)), std::string(target.substr(mark + 1))};
}

void refuse_parameter(const std::string& name, const std::string& expected,
                      const std::string& found) {
  throw Error(Code::bad_parameter,
              "Parameter '" + name + "': expected " + expected + ", found " + shown(found) + ".");
}

std::vector<std::pair<std::string, std::string>> query_pairs(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    std::string_view pair = take_until(query, "&");
    if (pair.empty()) continue;
    std::string name = percent_decoded(take_until(pair, "="));
    pairs.emplace_back(std::move(name), percent_decoded(pair));
  }
  return pairs;
}

bool Parameters::known(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Parameters Parameters::from_query(std::string_view query) {
  Parameters parameters;
  for (const auto& [name, value] : query_pairs(query)) parameters.add(name, value);
  return parameters;
}

void Parameters::add(const std::string& name, const std::string& value) {
  if (!known(name)) {
    throw Error(
        Code::bad_parameter,
        "Unknown parameter " + shown(name) +
            "; there are any_anatomy, details, fresh, "
            "series_uid, study_uid and threshold, and the file in the form's field 'file'.");
  }
  if (!values_.emplace(name, value).second) {
    throw Error(Code::bad_parameter, "Parameter '" + name + "' is there twice.");
  }
  if (name == "details") details_ = read_bool(name, value);
  if (name == "any_anatomy") any_anatomy_ = read_bool(name, value);
  if (name == "fresh") fresh_ = read_bool(name, value);
  if (name == "threshold") threshold_ = read_probability(name, value);
  if (name == "series_uid") series_uid_ = read_uid(name, value);
  if (name == "study_uid") study_uid_ = read_uid(name, value);
}

void Parameters::merge(const Parameters& other) {
  for (const auto& [name, value] : other.values_) {
    const auto mine = values_.find(name);
    if (mine == values_.end()) {
      add(name, value);
    } else if (mine->second != value) {
      throw Error(Code::bad_parameter,
                  "Parameter '" + name + "' is in the query and in the form, with two values.");
    }
  }
}

StudyOptions Parameters::study(const Limits& limits) const {
  StudyOptions options;
  options.limits = limits;
  options.series_uid = series_uid_;
  options.study_uid = study_uid_;
  options.any_anatomy = any_anatomy_;
  return options;
}

}  // namespace ctclip
