#include "base/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace ctclip {
namespace {

using nlohmann::ordered_json;

/// What `work` writes to stderr, a line each.
template <class Work>
std::vector<std::string> logged(LogFormat format, const Work& work,
                                spdlog::level::level_enum level = spdlog::level::info) {
  configure_log(format, level);
  ::testing::internal::CaptureStderr();
  work();
  log().flush();
  std::istringstream text(::testing::internal::GetCapturedStderr());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(Log, JsonIsOneObjectALine) {
  const auto lines = logged(LogFormat::json, [] {
    log_event(spdlog::level::info, "request", {{"route", "/predict"}, {"status", 200}});
    log().warn("two\nlines and a \"quote\" of {}", "\xff");
  });
  ASSERT_EQ(lines.size(), 2U);
  const auto event = ordered_json::parse(lines[0]);
  EXPECT_TRUE(std::regex_match(event.at("time").get<std::string>(),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  EXPECT_EQ(event.at("level"), "info");
  EXPECT_EQ(event.at("event"), "request");
  EXPECT_EQ(event.at("route"), "/predict");
  EXPECT_EQ(event.at("status"), 200);
  EXPECT_FALSE(event.contains("message"));
  EXPECT_FALSE(event.contains("request_id"));
  const auto words = ordered_json::parse(lines[1]);
  EXPECT_EQ(words.at("level"), "warning");
  EXPECT_EQ(words.at("event"), "message");
  EXPECT_EQ(words.at("message"), "two\nlines and a \"quote\" of \xef\xbf\xbd");
}

TEST(Log, TextHasWordsOrKeysAndValues) {
  const auto lines = logged(LogFormat::text, [] {
    log_event(spdlog::level::info, "request", {{"route", "/health"}, {"status", 200}});
    log_event(spdlog::level::info, "stopping", {{"timeout", 3}}, "stopping, and how");
  });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].ends_with(" info request route=/health status=200")) << lines[0];
  EXPECT_TRUE(lines[1].ends_with(" info stopping, and how")) << lines[1];
}

TEST(Log, LinesOfAThreadNameItsRequestWhileThereIsOne) {
  const auto work = [] {
    const LogRequest outer("outer");
    {
      const LogRequest inner("inner");
      log().info("one");
    }
    log().info("two");
    std::thread([] { log().info("another thread's"); }).join();
  };
  const auto lines = logged(LogFormat::json, [&] {
    work();
    log().info("none");
  });
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(ordered_json::parse(lines[0]).at("request_id"), "inner");
  EXPECT_EQ(ordered_json::parse(lines[1]).at("request_id"), "outer");
  EXPECT_FALSE(ordered_json::parse(lines[2]).contains("request_id"));
  EXPECT_FALSE(ordered_json::parse(lines[3]).contains("request_id"));
  const auto text = logged(LogFormat::text, work);
  EXPECT_TRUE(text.at(0).ends_with(" info one [request inner]")) << text[0];
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  const auto lines = logged(
      LogFormat::json,
      [] {
        log_event(spdlog::level::info, "request", {{"status", 200}});
        log_event(spdlog::level::err, "reload_failed", {{"what", "keys"}});
        log().warn("a warning");
      },
      spdlog::level::err);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(ordered_json::parse(lines[0]).at("event"), "reload_failed");
}

}  // namespace
}  // namespace ctclip
