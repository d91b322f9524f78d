#include <gmock/gmock.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <thread>

#include "batch/in_process.h"
#include "batch/journal.h"
#include "batch/progress.h"
#include "batch/retry.h"
#include "batch/run.h"
#include "batch/service.h"
#include "batch/summary.h"
#include "batch/table.h"
#include "batch_testing.h"

namespace ctclip {
namespace {

using batch::Asked;
using batch::Reply;
using batch::RetryPolicy;
using batch::ServiceOptions;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

/// Gives replies in their order, the last one for ever.
class Scripted : public batch::Backend {
 public:
  explicit Scripted(std::deque<Reply> replies) : replies_(std::move(replies)) {}
  Reply ask(const batch::Question&, const std::stop_token&) override {
    ++asked;
    Reply reply = replies_.front();
    if (replies_.size() > 1) replies_.pop_front();
    return reply;
  }
  int asked = 0;

 private:
  std::deque<Reply> replies_;
};

/// A clock that nobody waits for.
struct FakeClock {
  std::vector<milliseconds> waits;
  batch::Wait wait() {
    return [this](milliseconds time) {
      waits.push_back(time);
      return true;
    };
  }
};

Reply again(std::optional<seconds> told = {}) {
  return {Reply::Kind::again, {}, "queue_full", "Busy.", told};
}
Reply answer() { return {Reply::Kind::answer, {{"processing_status", "Success"}}, {}, {}, {}}; }

TEST(WaitAfter, DoublesUpToItsBoundAndSpreads) {
  const RetryPolicy policy;
  for (const double chance : {0.0, 0.999}) {
    const double share = 0.5 + 0.5 * chance;
    const std::vector<int> expected = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto wait = batch::wait_after(static_cast<int>(i) + 1, {}, policy, chance);
      EXPECT_NEAR(static_cast<double>(wait.count()), 1000 * expected[i] * share, 1.5);
    }
  }
  EXPECT_EQ(batch::wait_after(1000, {}, policy, 0), milliseconds(30'000));
}

TEST(WaitAfter, WaitsAtLeastAsLongAsTheServiceAsks) {
  const RetryPolicy policy;
  EXPECT_EQ(batch::wait_after(1, seconds(7), policy, 0), seconds(7));
  EXPECT_EQ(batch::wait_after(9, seconds(7), policy, 0.5), milliseconds(7'500));
  EXPECT_EQ(batch::wait_after(1, seconds(86'400), policy, 0), seconds(600));
}

TEST(AskPatiently, TellsHowLongItWillTryOn) {
  const RetryPolicy policy{.retries = 3};
  EXPECT_EQ(batch::patience_left(1, policy), seconds(1 + 2 + 4));
  EXPECT_EQ(batch::patience_left(3, policy), seconds(4));
  EXPECT_EQ(batch::patience_left(1, {}), seconds(1 + 2 + 4 + 8 + 16 + 32 + 4 * 60));
  Scripted backend({again(), again(), answer()});
  FakeClock clock;
  std::vector<milliseconds> left;
  batch::ask_patiently(backend, {"x", ""}, 1, policy, clock.wait(), {},
                       [&](const Reply&, milliseconds time) { left.push_back(time); });
  EXPECT_THAT(left, ElementsAre(seconds(7), seconds(6)));
}

TEST(Waiting, SaysForWhatAndHowLong) {
  EXPECT_EQ(batch::waiting_text("http://a: refused", seconds(0), seconds(303)),
            "waiting for http://a: refused; trying again for up to 5 min");
  EXPECT_EQ(batch::waiting_text("http://a: refused", seconds(61), seconds(89)),
            "waiting for http://a: refused; 61 s so far; trying again for up to 89 s");
  EXPECT_EQ(batch::waiting_text("http://a: no connection yet", seconds(0), {}),
            "waiting for http://a: no connection yet");
}

TEST(AskPatiently, TriesAgainUntilThereIsAnAnswer) {
  Scripted backend({again(seconds(3)), again(), answer()});
  FakeClock clock;
  const Asked asked = batch::ask_patiently(backend, {"x", ""}, 1, {}, clock.wait(), {});
  EXPECT_EQ(asked.reply.kind, Reply::Kind::answer);
  EXPECT_EQ(asked.tries, 3);
  ASSERT_EQ(clock.waits.size(), 2U);
  EXPECT_GE(clock.waits[0], seconds(3));
  EXPECT_GE(clock.waits[1], seconds(1));
  EXPECT_LE(clock.waits[1], seconds(2));
}

TEST(AskPatiently, GivesUpWhenTheTriesAreUsedUp) {
  Scripted backend({again()});
  FakeClock clock;
  RetryPolicy policy;
  policy.retries = 4;
  const Asked asked = batch::ask_patiently(backend, {"x", ""}, 1, policy, clock.wait(), {});
  EXPECT_EQ(asked.reply.kind, Reply::Kind::again);
  EXPECT_EQ(asked.tries, 5);
  EXPECT_EQ(backend.asked, 5);
  EXPECT_EQ(clock.waits.size(), 4U);
}

TEST(AskPatiently, AsksOnceWhereTryingAgainDoesNotHelp) {
  for (const auto kind : {Reply::Kind::answer, Reply::Kind::misdirected, Reply::Kind::abandoned}) {
    Scripted backend({{kind, {}, {}, {}, {}}});
    FakeClock clock;
    EXPECT_EQ(batch::ask_patiently(backend, {"x", ""}, 1, {}, clock.wait(), {}).tries, 1);
    EXPECT_EQ(backend.asked, 1);
  }
}

TEST(AskPatiently, LeavesTheStudyOpenWhenToldToStopWhileItWaits) {
  Scripted backend({again()});
  const auto asked =
      batch::ask_patiently(backend, {"x", ""}, 1, {}, [](milliseconds) { return false; }, {});
  EXPECT_EQ(asked.reply.kind, Reply::Kind::abandoned);
}

TEST(ReplyOf, KnowsWhatIsWorthATry) {
  const std::string busy =
      R"({"processing_status":"Failure","error":"Full.","error_code":"queue_full"})";
  const Reply reply = batch::reply_of(429, busy, seconds(5));
  EXPECT_EQ(reply.kind, Reply::Kind::again);
  EXPECT_EQ(reply.error_code, "queue_full");
  EXPECT_EQ(reply.error, "Full.");
  EXPECT_EQ(reply.retry_after, seconds(5));
  for (const long status : {408, 502, 503, 504}) {
    EXPECT_EQ(batch::reply_of(status, "<html>", {}).kind, Reply::Kind::again) << status;
  }
  for (const long status : {200, 400, 413, 422, 500}) {
    EXPECT_EQ(batch::reply_of(status, "<html>", {}).kind, Reply::Kind::answer) << status;
  }
  for (const long status : {401, 403, 404, 405}) {
    EXPECT_EQ(batch::reply_of(status, "", {}).kind, Reply::Kind::misdirected) << status;
  }
  const Reply numbers =
      batch::reply_of(429, R"({"processing_status":"Failure","error":1,"error_code":2})", {});
  EXPECT_EQ(numbers.error_code, "failed");
  EXPECT_EQ(numbers.error, "");
  const Reply strange = batch::reply_of(200, "[1, 2]", {});
  EXPECT_EQ(strange.answer["processing_status"], "Failure");
  EXPECT_EQ(strange.answer["error_code"], "http_200");
}

TEST(ReplyOf, WhatNestsDeeplyOrHasManyKeysIsNoAnswer) {
  const std::string begin = R"({"processing_status":"Success","x":)";
  const auto code_of = [](const std::string& body) {
    return batch::reply_of(200, body, {}).answer.value("error_code", "");
  };
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_EQ(code_of(begin + deep + "}"), "http_200");
  std::string many = "{";
  for (int i = 0; i < 300'000; ++i) many += "\"" + std::to_string(i) + "\":0,";
  EXPECT_EQ(code_of(begin + many + "\"\":0}}"), "http_200");
  EXPECT_EQ(code_of(begin + R"({"a":[1]}})"), "");
}

TEST(PredictUrl, TakesBothFormsOfTheGuide) {
  const auto url = [](const std::string& text) {
    return batch::predict_url({text, {}, {}, {}, false, {}});
  };
  const std::string expected = "http://localhost:8000/predict?details=true";
  for (const char* text : {"http://localhost:8000", "http://localhost:8000/",
                           "http://localhost:8000/predict", "localhost:8000/predict/"}) {
    EXPECT_EQ(url(text), expected) << text;
  }
  EXPECT_EQ(url("https://ct.example.org/api"), "https://ct.example.org/api/predict?details=true");
  EXPECT_EQ(batch::predict_url({"http://h", {}, {}, 0.25, true, {}}),
            "http://h/predict?details=true&threshold=0.25&any_anatomy=true");
  for (const char* text : {"", "ftp://h", "http://h/predict?a=b", "http://"}) {
    EXPECT_EQ(error_of([&] { url(text); }).first, "usage") << text;
  }
  EXPECT_EQ(batch::shown_url("https://user:secret@h/predict"), "https://h/predict");
}

/// Answers when it is told to stop, like a study that takes for ever.
class Endless : public Analyser {
 public:
  Analysis analyse(const AnalysisRequest&, Watch& watch) const override {
    try {
      for (;;) {
        watch.check();
        std::this_thread::sleep_for(milliseconds(1));
      }
    } catch (const Error& error) {
      return {{{"processing_status", "Failure"}}, error};
    }
  }
};

TEST(InProcess, EndsAStudyThatTakesTooLong) {
  const auto backend =
      batch::make_in_process(std::make_shared<Endless>(), {milliseconds(20), {}, false});
  const Reply reply = backend->ask({"x", ""}, {});
  EXPECT_EQ(reply.kind, Reply::Kind::answer);
  EXPECT_EQ(reply.answer["error_code"], "timeout");
  EXPECT_THAT(reply.answer["error"].get<std::string>(), HasSubstr("0.02 s"));
}

TEST(InProcess, AbandonsAStudyWhenToldTo) {
  const auto backend =
      batch::make_in_process(std::make_shared<Endless>(), {seconds(600), {}, false});
  std::stop_source stop;
  const std::jthread soon([&] {
    std::this_thread::sleep_for(milliseconds(20));
    stop.request_stop();
  });
  EXPECT_EQ(backend->ask({"x", ""}, stop.get_token()).kind, Reply::Kind::abandoned);
}

class Running : public ::testing::Test {
 protected:
  Running() {
    for (int i = 0; i < 5; ++i) {
      testing::write_file(folder_.path() / "in" / (std::to_string(i) + ".zip"), "PK\x03\x04");
    }
    options_.input = folder_.path() / "in";
    options_.output = folder_.path() / "r.csv";
    options_.answering = "service";
    options_.retry.retries = 0;
  }
  batch::Ran run(const std::deque<Reply>& replies) {
    batch::Progress progress;
    return batch::run_batch(
        options_,
        [&]() -> batch::MakeBackend { return [&] { return std::make_unique<Scripted>(replies); }; },
        {}, progress);
  }
  static Reply success(const std::string& models) {
    return {Reply::Kind::answer,
            {{"processing_status", "Success"},
             {"probability_of_pathology", 0.5},
             {"pathology", 1},
             {"details", {{"bundle", {{"sha256", models}}}}}},
            {},
            {},
            {}};
  }
  testing::TempDir folder_;
  batch::BatchOptions options_;
};

TEST_F(Running, StopsWithoutARowWhereTheServiceCannotBeReached) {
  const Reply gone{Reply::Kind::unreachable, {}, "unreachable", "http://a: gone", {}};
  const batch::Ran ran = run({success("a"), success("a"), gone});
  EXPECT_EQ(ran.studies, 5);
  EXPECT_EQ(ran.rows, 2);
  EXPECT_THAT(ran.stopped, HasSubstr("cannot be reached, tried 1 times: http://a: gone."));
  EXPECT_THAT(error_of([&] { run({success("a")}); }).second, HasSubstr("--resume"));
  options_.resume = true;
  const batch::Ran rest = run({success("a")});
  EXPECT_TRUE(rest.complete());
  EXPECT_EQ(rest.stopped, "");
}

TEST_F(Running, OneResultIsOfOneBundle) {
  EXPECT_EQ(error_of([&] { run({success("a"), success("a"), success("b")}); }).first, "bad_model");
  options_.resume = true;
  EXPECT_EQ(error_of([&] { run({success("b")}); }).first, "bad_model");
  EXPECT_TRUE(run({success("a")}).complete());
}

TEST_F(Running, AFailedStudyIsAnsweredAnewOnlyWhenAsked) {
  const Reply failed{Reply::Kind::answer, batch::failure("no_lungs", "No lungs."), {}, {}, {}};
  EXPECT_TRUE(run({success("a"), failed, success("a")}).complete());
  options_.resume = true;
  const auto failures = [&] {
    batch::Table table;
    table.add(batch::journal_of(options_.output));
    EXPECT_EQ(table.rows(), 5);
    return batch::summarise(table).failed;
  };
  run({success("a")});
  EXPECT_EQ(failures(), 1);
  options_.retry_failed = true;
  run({success("a")});
  EXPECT_EQ(failures(), 0);
}

TEST_F(Running, AStudyThatChangedIsAnsweredAnew) {
  run({success("a")});
  testing::write_file(options_.input / "3.zip", "PK\x03\x04 longer");
  options_.resume = true;
  Reply other = success("a");
  other.answer["probability_of_pathology"] = 0.9;
  run({other});
  batch::Table table;
  table.add(batch::journal_of(options_.output));
  std::vector<double> found;
  table.for_each([&](const batch::Row& row) { found.push_back(*row.probability_of_pathology); });
  EXPECT_THAT(found, ElementsAre(0.5, 0.5, 0.5, 0.9, 0.5));
}

}  // namespace
}  // namespace ctclip
