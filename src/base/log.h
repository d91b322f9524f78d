#pragma once

#include <spdlog/spdlog.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace ctclip {

/// The program's logger (stderr): the one global. Never given a patient's name or ID, nor a
/// client's file name.
spdlog::logger& log();

enum class LogFormat {
  text,  ///< time, level, words: to read
  json,  ///< one object a line: `time`, `level`, `event`, then its fields
};
/// Before the first thread that logs is made.
void configure_log(LogFormat format, spdlog::level::level_enum level);

/// A line that a program is meant to read: `event` is its stable name, `fields` an object. The text
/// form has `words` instead, or where they are empty the name and key=value. Any thread.
void log_event(spdlog::level::level_enum level, std::string_view event,
               const nlohmann::ordered_json& fields, std::string_view words = {});

/// While it lives, every line of this thread carries the request that it is about.
class LogRequest {
 public:
  explicit LogRequest(std::string id);
  ~LogRequest();
  LogRequest(const LogRequest&) = delete;
  LogRequest& operator=(const LogRequest&) = delete;

 private:
  std::string before_;
};

}  // namespace ctclip
