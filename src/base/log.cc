#include "base/log.h"

#include <fmt/chrono.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/terminal.h"

namespace ctclip {
namespace {

using nlohmann::ordered_json;

constexpr auto kTextPattern = "%Y-%m-%dT%H:%M:%S.%e%z %l %v";

// The sinks format on the thread that logs, so what a line carries besides its words can wait here.
struct Present {
  std::string request;
  std::string_view event;
  const ordered_json* fields = nullptr;
};
Present& present() {
  thread_local Present of_thread;
  return of_thread;
}

std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string_view view(spdlog::string_view_t text) { return {text.data(), text.size()}; }

std::string time_of(const spdlog::details::log_msg& message) {
  using std::chrono::milliseconds;
  const auto since = std::chrono::duration_cast<milliseconds>(message.time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(message.time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(spdlog::log_clock::to_time_t(seconds)), since.count() % 1000);
}

class JsonLines : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const Present& now = present();
    ordered_json line = {{"time", time_of(message)},
                         {"level", view(spdlog::level::to_string_view(message.level))},
                         {"event", now.event.empty() ? "message" : now.event}};
    if (!now.request.empty()) line["request_id"] = now.request;
    if (now.fields != nullptr) line.update(*now.fields);
    if (message.payload.size() > 0) line["message"] = view(message.payload);
    const std::string text = dump(line) + '\n';
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonLines>(); }
};

std::string words_of(std::string_view event, const ordered_json& fields) {
  std::string words(event);
  for (const auto& [name, value] : fields.items()) {
    words += fmt::format(" {}={}", name,
                         value.is_string() ? value.get_ref<const std::string&>() : dump(value));
  }
  return words;
}

class TextLines : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const Present& now = present();
    std::string words(view(message.payload));
    if (words.empty() && now.fields != nullptr) words = words_of(now.event, *now.fields);
    if (!now.request.empty()) words += fmt::format(" [request {}]", now.request);
    spdlog::details::log_msg whole = message;
    whole.payload = words;
    pattern_.format(whole, out);
  }
  std::unique_ptr<formatter> clone() const override { return std::make_unique<TextLines>(); }

 private:
  spdlog::pattern_formatter pattern_{kTextPattern};
};

std::unique_ptr<spdlog::formatter> formatter_of(LogFormat format) {
  if (format == LogFormat::json) return std::make_unique<JsonLines>();
  return std::make_unique<TextLines>();
}

/// Stderr, where progress may be shown.
class TerminalSink : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    Terminal::of_stderr().print({line.data(), line.size()});
  }
  void flush_() override {}  // every line is written when it is printed
};

}  // namespace

spdlog::logger& log() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("ctclip", std::make_shared<TerminalSink>());
    made->set_formatter(formatter_of(LogFormat::text));
    return made;
  }();
  return *logger;
}

void configure_log(LogFormat format, spdlog::level::level_enum level) {
  log().set_formatter(formatter_of(format));
  log().set_level(level);
}

void log_event(spdlog::level::level_enum level, std::string_view event, const ordered_json& fields,
               std::string_view words) {
  Present& now = present();
  now.event = event;
  now.fields = &fields;
  log().log(level, spdlog::string_view_t(words.data(), words.size()));
  now.event = {};
  now.fields = nullptr;
}

LogRequest::LogRequest(std::string id) : before_(std::exchange(present().request, std::move(id))) {}
LogRequest::~LogRequest() { present().request = std::move(before_); }

}  // namespace ctclip
