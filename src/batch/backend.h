#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>

namespace ctclip::batch {

// Moving its JSON throws nothing, though clang-tidy cannot see it.
/// How one try to have a study answered ended.
// NOLINTNEXTLINE(bugprone-exception-escape)
struct Reply {
  enum class Kind {
    answer,       ///< `answer` has it: a success, or a failure that trying again would not mend
    again,        ///< busy, stopping, too late, or the connection broke: trying again may help
    unreachable,  ///< the same, and the study was never sent; `error` is "WHOM: WHY"
    misdirected,  ///< no study will ever be answered there: a wrong URL, a wrong certificate
    abandoned,    ///< the batch was told to stop
  };
  Kind kind = Kind::answer;
  nlohmann::ordered_json answer;                    ///< the fields of /predict?details=true
  std::string error_code, error;                    ///< of what is no answer
  std::optional<std::chrono::seconds> retry_after;  ///< what the service asked for
};

/// What is to be answered.
struct Question {
  std::filesystem::path file;  ///< a ZIP or NIfTI file
  std::string study_uid;       ///< of several studies in it the one to answer; empty for any
};

/// Who answers studies: a service, or this process. One for each thread.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Never throws for anything that is wrong with the study or the service. Comes back soon,
  /// `abandoned`, once a stop is requested.
  virtual Reply ask(const Question& question, const std::stop_token& stop) = 0;
};
using MakeBackend = std::function<std::unique_ptr<Backend>()>;

/// A failure that the client has to tell itself, in the form of an answer.
nlohmann::ordered_json failure(const std::string& error_code, const std::string& error);

}  // namespace ctclip::batch
