#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "study/study.h"

namespace ctclip {

/// A request's target: "/predict?details=true" or the absolute form that proxies send.
struct Target {
  std::string path;
  std::string query;
};
Target split_target(std::string_view target);
/// Names and values of a query, percent-decoded. Throws Error{bad_parameter}.
std::vector<std::pair<std::string, std::string>> query_pairs(std::string_view query);
[[noreturn]] void refuse_parameter(const std::string& name, const std::string& expected,
                                   const std::string& found);

/// What a client may ask for besides the study, in the query or as fields of the form. An unknown
/// name, a name twice and a value out of range are refused: a mistyped threshold must not be an
/// answer with another one.
class Parameters {
 public:
  static constexpr std::size_t kMaxValue = 128;  ///< bytes; the longest known is a UID of 64

  static bool known(std::string_view name);
  /// Percent-decoded. Throws Error{bad_parameter}, as all of these do.
  static Parameters from_query(std::string_view query);
  void add(const std::string& name, const std::string& value);
  /// A name in both is refused unless the values agree.
  void merge(const Parameters& other);

  bool details() const { return details_; }
  /// Whether an answer from the history will not do; none where the client did not say.
  std::optional<bool> fresh() const { return fresh_; }
  std::optional<double> threshold() const { return threshold_; }
  /// `series_uid`, `study_uid` and `any_anatomy`.
  StudyOptions study(const Limits& limits) const;

 private:
  std::map<std::string, std::string> values_;
  bool details_ = false;
  bool any_anatomy_ = false;
  std::optional<bool> fresh_;
  std::optional<double> threshold_;
  std::string series_uid_, study_uid_;
};

}  // namespace ctclip
