// /v1/studies against a server whose studies take as long as the test says.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "base/log.h"
#include "http_client.h"
#include "pipeline/answer.h"
#include "server/server.h"
#include "testing.h"

namespace ctclip {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpClient;
using testing::HttpResponse;
using ::testing::IsEmpty;

/// Holds every study in its stage "decode" until told to go on. Its probability is how many it has
/// begun, so that a second answer would be another one.
class GatedAnalyser : public Analyser {
 public:
  Analysis analyse(const AnalysisRequest&, Watch& watch) const override {
    const int number = ++started;
    const auto stage = watch.stage("decode");
    try {
      for (; !open; std::this_thread::sleep_for(1ms)) watch.advance(3, 8);
    } catch (const Error& error) {
      return {failure_answer(error, "", "", 0.5), error};
    }
    return {{{"study_uid", "1.2"},
             {"series_uid", "1.2.3"},
             {"probability_of_pathology", number / 1000.0},
             {"processing_status", "Success"}},
            std::nullopt};
  }
  AnalyserFacts facts() const override { return {"gate", std::string(64, 'a'), "f32", false, {}}; }

  mutable std::atomic<int> started = 0;
  std::atomic<bool> open = false;
};

std::string form(const std::string& data) {
  return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"Ivanov.zip\"\r\n\r\n" +
         data + "\r\n--b--\r\n";
}

std::string post(const std::string& target, const std::string& data,
                 const std::string& headers = "") {
  const std::string body = form(data);
  return "POST " + target +
         " HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string plain(const std::string& method, const std::string& target) {
  return method + " " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

template <class Condition>
bool within(std::chrono::milliseconds limit, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return condition();
}

class StudiesTest : public ::testing::Test {
 protected:
  StudiesTest() {
    log().set_level(spdlog::level::err);
    options_.port = 0;
    options_.state = folder_.path() / "state";
    options_.disk_reserve = 0;
    options_.read_ahead = 0;  // one study at a time is begun
  }
  void start() {
    analyser_ = std::make_shared<GatedAnalyser>();
    server_ = std::make_unique<Server>(options_);
    server_->set_analyser(analyser_);
    thread_ = std::thread([this] { server_->run(); });
  }
  void stop() {
    if (!server_) return;
    server_->stop();
    thread_.join();
    server_.reset();
  }
  void TearDown() override {
    if (analyser_) analyser_->open = true;
    stop();
  }

  HttpClient client() const { return HttpClient(server_->port()); }
  HttpResponse ask(const std::string& request) const {
    HttpClient one = client();
    one.send(request);
    return one.receive();
  }
  std::string submit(const std::string& data) const {
    const HttpResponse response = ask(post("/v1/studies", data));
    EXPECT_EQ(response.status, 202) << response.body;
    return response.json().at("id");
  }
  nlohmann::ordered_json show(const std::string& id) const {
    return ask(plain("GET", "/v1/studies/" + id)).json();
  }
  std::string state(const std::string& id) const { return show(id).at("state"); }
  HttpResponse cancel(const std::string& id) const {
    return ask(plain("DELETE", "/v1/studies/" + id));
  }
  void wait_for(const std::string& id, const std::string& wanted) const {
    ASSERT_TRUE(within(30s, [&] { return state(id) == wanted; })) << state(id);
  }
  /// A study that one server answers, before another one takes its state.
  std::string answer_one_and_restart() {
    start();
    analyser_->open = true;
    std::string id = submit("1");
    wait_for(id, "done");
    stop();
    start();
    return id;
  }
  std::size_t uploads() const {
    const std::filesystem::directory_iterator begin(options_.state / "uploads");
    return static_cast<std::size_t>(std::distance(begin, {}));
  }

  testing::TempDir folder_;
  ServerOptions options_;
  std::shared_ptr<GatedAnalyser> analyser_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

TEST_F(StudiesTest, TellsWhereAStudyIs) {
  start();
  const std::string first = submit("1"), second = submit("2"), third = submit("3");
  wait_for(first, "running");
  auto now = show(first);
  EXPECT_EQ(now.at("stage"), "decode");
  EXPECT_EQ(now.at("progress"), (nlohmann::ordered_json{{"done", 3}, {"total", 8}}));
  EXPECT_TRUE(now.at("position").is_null());
  EXPECT_EQ(show(second).at("position"), 1);
  EXPECT_EQ(show(third).at("position"), 2);
  EXPECT_TRUE(show(third).at("result").is_null());
  analyser_->open = true;
  for (const std::string& id : {first, second, third}) wait_for(id, "done");
  now = show(first);
  EXPECT_EQ(now.at("result").at("probability_of_pathology"), 0.001);
  EXPECT_THAT(now.at("warning").get<std::string>(), HasSubstr("radiologist"));
  EXPECT_GT(now.at("seconds").at("decode").get<double>(), 0);
  EXPECT_TRUE(within(30s, [&] { return uploads() == 0; }));
}

TEST_F(StudiesTest, CancelsInEveryState) {
  start();
  const std::string running = submit("1"), queued = submit("2"), last = submit("3");
  wait_for(running, "running");
  EXPECT_EQ(cancel(queued).json().at("state"), "cancelled");
  EXPECT_EQ(show(last).at("position"), 1);
  EXPECT_EQ(cancel(running).json().at("state"), "cancelled");
  wait_for(last, "running");
  analyser_->open = true;
  wait_for(last, "done");
  EXPECT_EQ(cancel(last).json().at("state"), "done");
  EXPECT_EQ(cancel(queued).json().at("state"), "cancelled");
  EXPECT_EQ(state(running), "cancelled");
  EXPECT_EQ(analyser_->started, 2);
  EXPECT_TRUE(within(30s, [&] { return uploads() == 0; }));
  EXPECT_EQ(cancel(std::string(32, '0')).error_code(), "not_found");
}

TEST_F(StudiesTest, StreamsItsWayToTheEnd) {
  start();
  const std::string first = submit("1"), second = submit("2");
  wait_for(first, "running");
  HttpClient events = client();
  events.send(plain("GET", "/v1/studies/" + second + "/events"));
  const HttpResponse head = events.receive(false);
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.headers.at("content-type"), HasSubstr("text/event-stream"));
  EXPECT_EQ(cancel(first).status, 200);
  wait_for(second, "running");
  std::this_thread::sleep_for(600ms);  // for the stream to have looked
  analyser_->open = true;
  const std::string body = events.rest();
  std::vector<std::string> states;
  for (std::size_t at = 0; (at = body.find("data: ", at)) != std::string::npos; ++at) {
    const auto json = nlohmann::json::parse(body.substr(at + 6, body.find('\n', at) - at - 6));
    states.push_back(json.at("state"));
  }
  EXPECT_THAT(states, ElementsAre("queued", "running", "done"));
}

TEST_F(StudiesTest, AWatcherThatLeavesCancelsNothing) {
  start();
  const std::string id = submit("1");
  HttpClient events = client();
  events.send(plain("GET", "/v1/studies/" + id + "/events"));
  EXPECT_EQ(events.receive(false).status, 200);
  events.reset();
  analyser_->open = true;
  wait_for(id, "done");
}

TEST_F(StudiesTest, TheLastOfThoseWhoWaitCancels) {
  start();
  const std::string request = post("/predict", "1", "Idempotency-Key: k\r\n");
  HttpClient first = client(), second = client();
  first.send(request);
  ASSERT_TRUE(within(30s, [&] { return analyser_->started == 1; }));
  second.send(request);
  std::this_thread::sleep_for(500ms);  // for it to have joined
  first.close();
  std::this_thread::sleep_for(800ms);  // for that to have been noticed
  analyser_->open = true;
  EXPECT_EQ(second.receive().status, 200);
  EXPECT_EQ(analyser_->started, 1);
  analyser_->open = false;
  HttpClient third = client();
  third.send(post("/predict", "2"));
  ASSERT_TRUE(within(30s, [&] { return analyser_->started == 2; }));
  third.close();
  EXPECT_TRUE(within(30s, [&] { return uploads() == 0; }));
  const auto cancelled = ask(plain("GET", "/v1/studies?state=cancelled")).json().at("studies");
  EXPECT_EQ(cancelled.size(), 1U);
}

TEST_F(StudiesTest, AClientThatHasItsAnswerMaySendTheNext) {
  options_.client_studies = 1;
  options_.queue = 0;
  start();
  analyser_->open = true;
  HttpClient alone = client();
  for (int i = 0; i < 200; ++i) {
    alone.send(post("/predict", std::to_string(i)));
    ASSERT_EQ(alone.receive().status, 200) << i;
  }
}

TEST_F(StudiesTest, WhoWaitsIsToldThatItWasCancelled) {
  start();
  HttpClient waiting = client();
  waiting.send(post("/predict", "1"));
  ASSERT_TRUE(within(30s, [&] { return analyser_->started == 1; }));
  const std::string id = ask(plain("GET", "/v1/studies")).json().at("studies").at(0).at("id");
  EXPECT_EQ(cancel(id).json().at("state"), "cancelled");
  const HttpResponse told = waiting.receive();
  EXPECT_EQ(told.status, 409);
  EXPECT_EQ(told.error_code(), "cancelled");
}

TEST_F(StudiesTest, TheSameStudyIsAnsweredOnce) {
  start();
  analyser_->open = true;
  const std::string id = submit("1");
  wait_for(id, "done");
  const HttpResponse again = ask(post("/v1/studies", "1"));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.json().at("id"), id);
  EXPECT_EQ(ask(post("/v1/studies?fresh=true", "1")).status, 202);
  const HttpResponse known = ask(post("/predict?fresh=false", "1"));
  EXPECT_EQ(known.headers.at("x-ctclip-from-history"), "true");
  const HttpResponse fresh = ask(post("/predict", "1"));
  EXPECT_FALSE(fresh.headers.contains("x-ctclip-from-history"));
  EXPECT_EQ(analyser_->started, 3);
  const HttpResponse keyed = ask(post("/v1/studies", "2", "Idempotency-Key: k\r\n"));
  EXPECT_EQ(keyed.status, 202);
  EXPECT_EQ(ask(post("/v1/studies", "2", "Idempotency-Key: k\r\n")).json().at("id"),
            keyed.json().at("id"));
  const HttpResponse other = ask(post("/v1/studies", "3", "Idempotency-Key: k\r\n"));
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(other.error_code(), "idempotency_conflict");
  EXPECT_EQ(ask(post("/v1/studies", "3", "Idempotency-Key: " + std::string(256, 'k') + "\r\n"))
                .error_code(),
            "bad_parameter");
  EXPECT_TRUE(within(30s, [&] { return uploads() == 0; }));
}

TEST_F(StudiesTest, ANewKeyThatComesTwiceAtOnceIsOneStudy) {
  start();
  analyser_->open = true;
  for (int round = 0; round < 20; ++round) {
    const std::string request = post("/v1/studies", std::to_string(round),
                                     "Idempotency-Key: " + std::to_string(round) + "\r\n");
    std::array<HttpResponse, 4> responses;
    {
      std::vector<std::jthread> clients;
      for (HttpResponse& response : responses) {
        clients.emplace_back([this, &request, &response] { response = ask(request); });
      }
    }
    const std::string id = responses[0].json().value("id", "");
    for (const HttpResponse& response : responses) {
      EXPECT_THAT(response.status, AnyOf(200, 202)) << response.body;
      EXPECT_EQ(response.json().value("id", ""), id);
    }
    wait_for(id, "done");
  }
  EXPECT_EQ(analyser_->started, 20);
}

TEST_F(StudiesTest, StopLeavesWhatNobodyWaitsForToTheNextServer) {
  start();
  const std::string running = submit("1"), queued = submit("2"), later = submit("3");
  wait_for(running, "running");
  HttpClient waiting = client();
  waiting.send(post("/predict", "4"));
  ASSERT_TRUE(within(30s, [&] { return uploads() == 4; }));
  std::this_thread::sleep_for(300ms);  // for it to have reached the queue
  server_->stop();
  analyser_->open = true;
  EXPECT_EQ(waiting.receive().status, 200);
  stop();
  EXPECT_EQ(analyser_->started, 2);
  EXPECT_EQ(uploads(), 2U);
  start();
  EXPECT_EQ(state(running), "done");
  analyser_->open = true;
  wait_for(queued, "done");
  wait_for(later, "done");
  EXPECT_LT(show(queued).at("result").at("probability_of_pathology"),
            show(later).at("result").at("probability_of_pathology"));
}

TEST_F(StudiesTest, ALockedHistoryRefusesAndLosesNoAnswer) {
  start();
  const std::string id = submit("1");
  wait_for(id, "running");
  {
    SQLite::Database other((options_.state / "history.db").string(), SQLite::OPEN_READWRITE);
    other.exec("BEGIN IMMEDIATE");
    const HttpResponse refused = ask(post("/v1/studies", "2"));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.error_code(), "history_unavailable");
    EXPECT_TRUE(refused.headers.contains("retry-after"));
    analyser_->open = true;
    std::this_thread::sleep_for(3s);  // longer than the answer waits for the lock
    EXPECT_EQ(uploads(), 1U);
    other.exec("ROLLBACK");
  }
  wait_for(id, "done");
  EXPECT_TRUE(within(30s, [&] { return uploads() == 0; }));
}

TEST_F(StudiesTest, TheStatesFolderMayBeALink) {
  const auto elsewhere = folder_.path() / "elsewhere";
  std::filesystem::create_directory(elsewhere);
  std::filesystem::create_directory_symlink(elsewhere, options_.state);
  start();
  analyser_->open = true;
  wait_for(submit("1"), "done");
  EXPECT_TRUE(std::filesystem::exists(elsewhere / "history.db"));
}

TEST_F(StudiesTest, WithoutAStateTheHistoryIsInMemory) {
  options_.state.clear();
  const std::string id = answer_one_and_restart();
  EXPECT_EQ(ask(plain("GET", "/v1/studies/" + id)).status, 404);
  EXPECT_THAT(ask(plain("GET", "/v1/studies")).json().at("studies"), IsEmpty());
}

TEST_F(StudiesTest, UploadsAreKeptWhereThatIsAsked) {
  options_.retention.uploads = std::chrono::hours(24);
  answer_one_and_restart();
  EXPECT_EQ(uploads(), 1U);
}

TEST_F(StudiesTest, KeepsNoNameThatAClientSends) {
  start();
  analyser_->open = true;
  wait_for(submit("1"), "done");
  stop();
  for (const auto& file : std::filesystem::directory_iterator(options_.state)) {
    if (!file.is_regular_file()) continue;
    std::ifstream stream(file.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_THAT(bytes, ::testing::Not(HasSubstr("Ivanov"))) << file.path();
  }
}

}  // namespace
}  // namespace ctclip
