#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <new>
#include <thread>

#include "base/log.h"
#include "http_client.h"
#include "pipeline/answer.h"
#include "server/notice.h"
#include "server/server.h"
#include "testing.h"

namespace ctclip {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpClient;
using testing::HttpResponse;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;

/// Answers at once, or does what the test says. Its study is the upload's first bytes.
class FakeAnalyser : public Analyser {
 public:
  enum class Mode { quick, gated, busy, out_of_memory, foreign_exception, refuses };

  Analysis analyse(const AnalysisRequest& request, Watch& watch) const override {
    ++started;
    {
      const std::lock_guard lock(mutex_);
      last_ = request;
      last_size_ = std::filesystem::file_size(request.input);
    }
    try {
      work(watch);
    } catch (const Error& error) {
      ++cancelled;
      return {failure_answer(error, "1.2", "", 0.5, warnings), error};
    }
    ++finished;
    Analysis analysis{{{"study_uid", "1.2"},
                       {"series_uid", "1.2.3"},
                       {"probability_of_pathology", 0.25},
                       {"pathology", 0},
                       {"most_dangerous_pathology_type", "No significant pathology"},
                       {"processing_status", "Success"},
                       {"time_of_processing", 0.5}},
                      std::nullopt};
    if (!warnings.empty()) analysis.answer["warnings"] = warnings;
    return analysis;
  }

  AnalysisRequest last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  uint64_t last_size() const {
    const std::lock_guard lock(mutex_);
    return last_size_;
  }

  std::vector<std::string> warnings;  ///< to be set before a study comes
  std::atomic<Mode> mode = Mode::quick;
  std::atomic<bool> open = false;
  mutable std::atomic<int> started = 0, cancelled = 0, finished = 0;

 private:
  void work(Watch& watch) const {
    switch (mode.load()) {
      case Mode::quick:
        return;
      case Mode::gated:
        for (; !open; std::this_thread::sleep_for(1ms)) watch.check();
        return;
      case Mode::busy:
        while (!open) watch.check();
        return;
      case Mode::out_of_memory:
        throw std::bad_alloc();
      case Mode::foreign_exception:
        throw std::runtime_error("Ivanov^Ivan");
      case Mode::refuses:
        throw Error(Code::no_lungs, "There are no lungs in \xff the image.");
    }
  }

  mutable std::mutex mutex_;
  mutable AnalysisRequest last_;
  mutable uint64_t last_size_ = 0;
};
using Mode = FakeAnalyser::Mode;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator begin("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin, {}));
}

template <class Condition>
bool within(std::chrono::milliseconds limit, Condition condition) {
  for (const auto end = Clock::now() + limit; Clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return condition();
}

std::string form(const std::string& data, const std::string& name = "file") {
  return "--b\r\nContent-Disposition: form-data; name=\"" + name +
         "\"; filename=\"Ivanov.zip\"\r\nContent-Type: application/zip\r\n\r\n" + data +
         "\r\n--b--\r\n";
}

std::string post(const std::string& body, const std::string& target = "/predict",
                 const std::string& headers = "") {
  return "POST " + target +
         " HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A request up to the first byte of its file.
std::string begun(const std::string& request) {
  return request.substr(0, request.find("\r\n\r\n", request.find("filename")) + 5);
}

std::string get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}

std::string chunked(const std::string& body, std::size_t piece, const std::string& headers = "") {
  std::string request =
      "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
      "Transfer-Encoding: chunked\r\n" +
      headers + "\r\n";
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string part = body.substr(at, piece);
    char size[32];
    snprintf(size, sizeof size, "%zx\r\n", part.size());
    request += size + part + "\r\n";
  }
  return request + "0\r\n\r\n";
}

/// A server with a fake analyser. After each test nothing may be left: no file in the spool, no
/// descriptor.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    log().set_level(spdlog::level::warn);
    options_.port = 0;
    options_.spool = folder_.path() / "spool";
    options_.limits.upload_bytes = 1 << 20;
    options_.disk_reserve = 0;
    descriptors_ = open_descriptors();
  }

  void start(bool ready = true) {
    server_ = std::make_unique<Server>(options_);
    if (ready) server_->set_analyser(analyser_);
    thread_ = std::thread([this] { server_->run(); });
  }
  void stop() {
    if (!server_) return;
    analyser_->open = true;
    server_->stop();
    thread_.join();
    EXPECT_EQ(spooled(), 0U);
    server_.reset();
  }
  void TearDown() override {
    stop();
    EXPECT_EQ(open_descriptors(), descriptors_);
  }

  std::size_t spooled() const {
    const std::filesystem::directory_iterator begin(options_.spool);
    return static_cast<std::size_t>(std::distance(begin, {}));
  }
  HttpClient client() const { return HttpClient(server_->port()); }
  HttpResponse ask(const std::string& request, bool has_body = true) const {
    HttpClient one = client();
    one.send(request);
    return one.receive(has_body);
  }
  void expect_refusal(const std::string& request, int status, const std::string& code) const {
    const HttpResponse response = ask(request);
    const std::string shown = request.substr(0, 120);
    ASSERT_EQ(response.status, status) << shown << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/json") << shown;
    const auto json = response.json();
    EXPECT_EQ(json.at("error_code"), code) << shown;
    EXPECT_EQ(json.at("processing_status"), "Failure") << shown;
    EXPECT_TRUE(json.at("probability_of_pathology").is_null()) << shown;
    EXPECT_GT(json.at("error").get<std::string>().size(), 10U) << shown;
    EXPECT_EQ(ask(get("/health")).status, 200) << shown;  // and the service goes on
  }
  void wait_until_started(int count) const {
    ASSERT_TRUE(within(30s, [&] { return analyser_->started >= count; }));
  }

  testing::TempDir folder_;
  ServerOptions options_;
  std::shared_ptr<FakeAnalyser> analyser_ = std::make_shared<FakeAnalyser>();
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::size_t descriptors_ = 0;
};

TEST_F(ServerTest, AnswersAStudyWithTheSevenFields) {
  start();
  const HttpResponse response = ask(post(form(std::string(300'000, 'z'))));
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), "application/json");
  EXPECT_THAT(response.headers.at("x-ctclip-warning"), HasSubstr("radiologist"));
  EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.headers.at("cache-control"), "no-store");
  std::vector<std::string> names;
  const auto answer = response.json();
  for (const auto& [name, value] : answer.items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("study_uid", "series_uid", "probability_of_pathology", "pathology",
                                 "most_dangerous_pathology_type", "processing_status",
                                 "time_of_processing"));
  EXPECT_EQ(analyser_->last_size(), 300'000U);
  EXPECT_THAT(analyser_->last().input.string(), ::testing::Not(HasSubstr("Ivanov")));
}

TEST_F(ServerTest, SaysWarningsInAHeaderAndNeverInTheSevenFields) {
  start();
  EXPECT_FALSE(ask(post(form("zip"))).headers.contains("x-ctclip-notice"));
  // What a hostile file would have in its place: an end of the header, one of its own, an answer.
  analyser_->warnings = {"The archive holds 1 more study, which was not looked at: 1.2.9.",
                         "a\r\nX-Evil: \"1\"\r\n\r\n<html>\xD0\x98\\"};
  const std::string expected =
      R"("The archive holds 1 more study, which was not looked at: 1.2.9.", )"
      R"("a??X-Evil: \"1\"????<html>?\\")";
  HttpResponse response = ask(post(form("zip")));
  EXPECT_EQ(response.headers.at("x-ctclip-notice"), expected);
  EXPECT_FALSE(response.headers.contains("x-evil"));
  EXPECT_EQ(response.json().size(), 7U);
  analyser_->mode = Mode::refuses;
  response = ask(post(form("zip")));
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.headers.at("x-ctclip-notice"), expected);
  EXPECT_FALSE(response.json().contains("warnings"));
}

TEST(Notice, IsBoundedAndSaysHowManyDidNotFit) {
  EXPECT_EQ(notice_of({}), "");
  const std::string one = notice_of({std::string(600, 'a')});
  EXPECT_EQ(one, "\"" + std::string(500, 'a') + "...\"");
  std::vector<std::string> warnings(1000, std::string(600, '"'));
  EXPECT_LE(notice_of(warnings).size(), kLongestNotice);
  EXPECT_THAT(notice_of(warnings),
              ::testing::EndsWith(", \"999 more; details=true has them all.\""));
}

TEST_F(ServerTest, HandsTheParametersOn) {
  start();
  ASSERT_EQ(
      ask(post(form("zip"), "/predict?details=true&study_uid=1.2&series_uid=1.2.3&threshold=0.5"))
          .status,
      200);
  AnalysisRequest last = analyser_->last();
  EXPECT_TRUE(last.details);
  EXPECT_EQ(last.study.series_uid, "1.2.3");
  EXPECT_EQ(last.study.study_uid, "1.2");
  EXPECT_EQ(last.threshold, 0.5);
  EXPECT_FALSE(last.study.any_anatomy);
  EXPECT_EQ(last.study.limits.upload_bytes, options_.limits.upload_bytes);
  const std::string fields =
      "--b\r\nContent-Disposition: form-data; name=\"any_anatomy\"\r\n\r\ntrue\r\n";
  ASSERT_EQ(ask(post(fields + form("zip"))).status, 200);
  last = analyser_->last();
  EXPECT_TRUE(last.study.any_anatomy);
  EXPECT_FALSE(last.details);
  EXPECT_EQ(last.threshold, std::nullopt);
}

TEST_F(ServerTest, RefusesBadInputAndGoesOn) {
  start();
  const std::string file = form("zip");
  expect_refusal(post(form("zip", "study")), 400, "missing_file_field");
  expect_refusal("POST /predict HTTP/1.1\r\nHost: x\r\n\r\n", 400, "missing_file_field");
  expect_refusal(
      "POST /predict HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
      400, "missing_file_field");
  expect_refusal(post(form("")), 400, "empty_upload");
  expect_refusal(post(""), 400, "bad_multipart");
  expect_refusal(post("no boundary"), 400, "bad_multipart");
  expect_refusal(post(file.substr(0, file.size() - 8)), 400, "bad_multipart");
  expect_refusal(post(file.substr(0, file.size() - 7) + "\r\n" + file), 400, "bad_multipart");
  for (const char* query : {"threshold=2", "threshold=x", "details=maybe", "series_uid=../x",
                            "treshold=0.5", "details=1&details=0", "x=%zz"}) {
    expect_refusal(post(file, std::string("/predict?") + query), 400, "bad_parameter");
  }
  expect_refusal(post(file, "/predict", "Content-Encoding: gzip\r\n"), 400, "bad_http");
  EXPECT_EQ(analyser_->started, 0);
}

TEST_F(ServerTest, RefusesMalformedHttp) {
  start();
  for (const std::string& request :
       {std::string("hello\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("\x16\x03\x01\x02\x01\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        get("/", "X: " + std::string(70'000, 'x') + "\r\n"), get("/" + std::string(70'000, 'x')),
        std::string("POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /predict HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        std::string("POST /predict HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n0\r\n\r\n"),
        std::string("POST /predict HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                    "Transfer-Encoding: gzip\r\n\r\n"),
        std::string("POST /predict HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                    "Transfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    expect_refusal(request, 400, "bad_http");
  }
  EXPECT_EQ(analyser_->started, 0);
}

TEST_F(ServerTest, KnowsItsPathsAndMethods) {
  start();
  expect_refusal(get("/nothing"), 404, "not_found");
  expect_refusal(get("/predict/"), 404, "not_found");
  expect_refusal(get("/../etc/passwd"), 404, "not_found");
  expect_refusal(get("/predict"), 405, "method_not_allowed");
  expect_refusal(post(form("zip"), "/health"), 405, "method_not_allowed");
  expect_refusal("DELETE / HTTP/1.1\r\n\r\n", 405, "method_not_allowed");
  expect_refusal("BREW / HTTP/1.1\r\n\r\n", 405, "method_not_allowed");
  EXPECT_EQ(ask(get("/predict")).headers.at("allow"), "POST");
  EXPECT_EQ(ask(get("/health")).json(), (nlohmann::ordered_json{{"status", "healthy"}}));
  EXPECT_EQ(ask(get("http://x:8000/health?x=1")).status, 200);
  EXPECT_EQ(ask("GET /health HTTP/1.0\r\n\r\n").status, 200);
  const HttpResponse head = ask("HEAD /health HTTP/1.1\r\n\r\n", false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), ask(get("/health")).headers.at("content-length"));
}

TEST_F(ServerTest, ShowsAPageToABrowserAndStatusToOthers) {
  start();
  const HttpResponse page = ask(get("/", "Accept: text/html,application/xhtml+xml\r\n"));
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.headers.at("content-security-policy"), StartsWith("default-src 'none'"));
  EXPECT_THAT(page.body, HasSubstr("только для диагностической поддержки"));
  EXPECT_THAT(page.body, HasSubstr("for diagnostic support only"));
  EXPECT_THAT(page.body, HasSubstr("enctype=\"multipart/form-data\""));
  EXPECT_THAT(page.body, HasSubstr("show(reply.headers.get(\"X-CTCLIP-Notice\"))"));
  EXPECT_THAT(page.headers.at("content-security-policy"), HasSubstr("script-src 'sha256-"));
  const auto status = ask(get("/", "Accept: */*\r\n")).json();
  EXPECT_EQ(status.at("status"), "healthy");
  EXPECT_EQ(status.at("service"), "ctclip");
  EXPECT_EQ(status.at("version"), CTCLIP_VERSION);
}

TEST_F(ServerTest, SaysWhenItIsStarting) {
  start(false);
  expect_refusal(post(form("zip")), 503, "starting");
  EXPECT_TRUE(ask(post(form("zip"))).headers.contains("retry-after"));
  const HttpResponse not_ready = ask(get("/ready"));
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_EQ(not_ready.json().at("ready"), false);
  server_->set_analyser(analyser_);
  EXPECT_EQ(ask(get("/ready")).status, 200);
  EXPECT_EQ(ask(get("/ready")).json().at("ready"), true);
  EXPECT_EQ(ask(post(form("zip"))).status, 200);
}

TEST_F(ServerTest, RefusesAnUploadOverTheLimitBeforeAndWhileItComes) {
  start();
  const std::string large = form(std::string(3 << 20, 'z'));
  for (const std::string& request : {post(large), chunked(large, 10'000)}) {
    HttpClient one = client();
    // Sends everything first, as python-requests does: the answer must survive that.
    EXPECT_TRUE(one.send(request));
    const HttpResponse response = one.receive();
    ASSERT_EQ(response.status, 413);
    EXPECT_EQ(response.error_code(), "upload_too_large");
    EXPECT_EQ(response.headers.at("connection"), "close");
    one.close();
  }
  // Not a byte of the body is asked for where its size is known.
  HttpClient one = client();
  one.send(post(large).substr(0, 150));
  EXPECT_EQ(one.receive().status, 413);
  EXPECT_EQ(analyser_->started, 0);
}

TEST_F(ServerTest, TakesAnUploadOfExactlyTheLimit) {
  start();
  EXPECT_EQ(ask(post(form(std::string(1 << 20, 'z')))).status, 200);
  EXPECT_EQ(analyser_->last_size(), uint64_t{1} << 20);
  EXPECT_EQ(ask(post(form(std::string((1 << 20) + 1, 'z')))).status, 413);
}

TEST_F(ServerTest, TakesAChunkedUploadInPiecesOfAnySize) {
  start();
  const std::string body = form(std::string(5'000, '\r'));
  for (const std::size_t piece : {1, 7, 1000, 100'000}) {
    ASSERT_EQ(ask(chunked(body, piece)).status, 200) << piece;
    EXPECT_EQ(analyser_->last_size(), 5'000U);
  }
  HttpClient slow = client();
  for (const char byte : post(form("12345"))) {
    slow.send(std::string_view(&byte, 1));
    std::this_thread::sleep_for(100us);
  }
  EXPECT_EQ(slow.receive().status, 200);
  EXPECT_EQ(analyser_->last_size(), 5U);
}

TEST_F(ServerTest, SaysContinueOnlyToWhatItWillTake) {
  start();
  const std::string request = post(form("zip"), "/predict", "Expect: 100-continue\r\n");
  const std::size_t body = request.find("\r\n\r\n") + 4;
  HttpClient one = client();
  one.send(request.substr(0, body));
  EXPECT_EQ(one.receive(false).status, 100);
  one.send(request.substr(body));
  EXPECT_EQ(one.receive().status, 200);
  HttpClient large = client();
  large.send(
      "POST /predict HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n"
      "Content-Type: multipart/form-data; boundary=b\r\n\r\n");
  EXPECT_EQ(large.receive().status, 413);
}

TEST_F(ServerTest, KeepsAConnectionForSeveralRequestsAndPipelines) {
  start();
  HttpClient one = client();
  for (int i = 0; i < 3; ++i) {
    one.send(post(form("zip")));
    EXPECT_EQ(one.receive().status, 200);
    one.send(get("/health"));
    EXPECT_EQ(one.receive().status, 200);
    one.send(get("/nothing"));
    EXPECT_EQ(one.receive().status, 404);
  }
  one.send(get("/health") + post(form("zip")) + "HEAD / HTTP/1.1\r\n\r\n" + post(form("")) +
           get("/ready", "Connection: close\r\n"));
  EXPECT_EQ(one.receive().status, 200);
  EXPECT_EQ(one.receive().json().at("study_uid"), "1.2");
  EXPECT_EQ(one.receive(false).status, 200);
  EXPECT_EQ(one.receive().error_code(), "empty_upload");
  EXPECT_EQ(one.receive().json().at("ready"), true);
  EXPECT_TRUE(one.ends());
}

TEST_F(ServerTest, ForgetsAnUploadThatIsCutInTheMiddle) {
  start();
  const std::string request = post(form(std::string(500'000, 'z')));
  for (const bool reset : {false, true}) {
    HttpClient one = client();
    one.send(request.substr(0, 300'000));
    ASSERT_TRUE(within(30s, [&] { return spooled() == 1; }));
    reset ? one.reset() : one.close();
    EXPECT_TRUE(within(30s, [&] { return spooled() == 0; }));
  }
  EXPECT_EQ(analyser_->started, 0);
  EXPECT_EQ(ask(post(form("zip"))).status, 200);
}

TEST_F(ServerTest, EndsConnectionsThatDoNotComeToThePoint) {
  options_.header_timeout = 200ms;
  options_.idle_timeout = 200ms;
  start();
  HttpClient silent = client();
  HttpClient slow_header = client();
  slow_header.send("GET / HTTP/1.1\r\nX: ");
  HttpClient slow_body = client();
  slow_body.send(begun(post(form("zip"))));
  HttpClient kept = client();
  kept.send(get("/health"));
  EXPECT_EQ(kept.receive().status, 200);
  EXPECT_TRUE(silent.ends());
  EXPECT_TRUE(slow_header.ends());
  EXPECT_TRUE(slow_body.ends());
  EXPECT_TRUE(kept.ends());
  EXPECT_TRUE(within(30s, [&] { return spooled() == 0; }));
}

TEST_F(ServerTest, EndsAHeaderAndAnUploadThatTrickle) {
  options_.header_timeout = 300ms;
  options_.idle_timeout = 300ms;
  options_.upload_rate = 10'000;
  start();
  HttpClient header = client();
  HttpClient body = client();
  header.send("GET / HTTP/1.1\r\nX: ");
  body.send(begun(post(form(std::string(100'000, 'z')))));
  const bool ended = within(30s, [&] {
    header.send("x");
    body.send("z");
    std::this_thread::sleep_for(20ms);
    return header.anything_within(0) && body.anything_within(0);
  });
  EXPECT_TRUE(ended);
  EXPECT_EQ(header.receive().status, 0);
  const HttpResponse slow = body.receive();
  EXPECT_EQ(slow.status, 408);
  EXPECT_EQ(slow.error_code(), "upload_too_slow");
}

TEST_F(ServerTest, EndsAnUploadThatTakesTooLong) {
  options_.body_timeout = 300ms;
  start();
  HttpClient body = client();
  body.send(begun(post(form(std::string(100'000, 'z')))));
  EXPECT_TRUE(within(30s, [&] {
    body.send("z");
    std::this_thread::sleep_for(20ms);
    return body.anything_within(0);
  }));
  EXPECT_EQ(body.receive().error_code(), "upload_too_slow");
  EXPECT_TRUE(within(30s, [&] { return spooled() == 0; }));
}

TEST_F(ServerTest, EndsAStudyThatTakesTooLong) {
  options_.study_time = 100ms;
  analyser_->mode = Mode::gated;
  start();
  expect_refusal(post(form("PK")), 422, "study_timeout");
  analyser_->mode = Mode::quick;
  EXPECT_EQ(ask(post(form("PK"))).status, 200);
}

TEST_F(ServerTest, RefusesBeyondTheQueueBeforeTheUpload) {
  options_.jobs = 1;
  options_.queue = 1;
  analyser_->mode = Mode::gated;
  start();
  HttpClient running = client();
  running.send(post(form("zip")));
  wait_until_started(1);
  HttpClient uploading = client();
  const std::string request = post(form("zip"));
  uploading.send(begun(request));
  ASSERT_TRUE(within(30s, [&] { return spooled() == 2; }));
  HttpClient third = client();
  third.send(request.substr(0, 150));  // the header, and hardly any body
  const HttpResponse refused = third.receive();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.error_code(), "queue_full");
  EXPECT_GE(std::stoi(refused.headers.at("retry-after")), 1);
  uploading.send(request.substr(begun(request).size()));
  EXPECT_EQ(ask(get("/health")).status, 200);
  analyser_->open = true;
  EXPECT_EQ(running.receive().status, 200);
  EXPECT_EQ(uploading.receive().status, 200);
  EXPECT_EQ(ask(post(form("zip"))).status, 200);
}

TEST_F(ServerTest, CancelsTheStudyOfAClientThatGoesAway) {
  options_.jobs = 1;
  options_.queue = 2;
  analyser_->mode = Mode::gated;
  start();
  HttpClient running = client();
  running.send(post(form("zip")));
  HttpClient read_ahead = client();
  read_ahead.send(post(form("zip")));
  wait_until_started(2);
  HttpClient waiting = client();
  waiting.send(post(form("zip")) + get("/health"));  // a pipelined request hides nothing
  ASSERT_TRUE(within(30s, [&] { return spooled() == 3; }));
  waiting.close();
  EXPECT_TRUE(within(30s, [&] { return spooled() == 2; }));
  running.reset();
  read_ahead.reset();
  EXPECT_TRUE(within(30s, [&] { return analyser_->cancelled == 2 && spooled() == 0; }));
  EXPECT_EQ(analyser_->started, 2);
  analyser_->mode = Mode::quick;
  EXPECT_EQ(ask(post(form("zip"))).status, 200);
}

TEST_F(ServerTest, StopFinishesWhatWasAcceptedAndRefusesWhatComes) {
  analyser_->mode = Mode::gated;
  start();
  HttpClient running = client();
  HttpClient waiting = client();
  running.send(post(form("zip")));
  wait_until_started(1);
  waiting.send(post(form("zip")));
  HttpClient uploading = client();
  uploading.send(begun(post(form("zip"))));
  ASSERT_TRUE(within(30s, [&] { return spooled() == 3; }));
  std::this_thread::sleep_for(
      1s);  // nothing outside tells when a whole upload has reached the queue
  HttpClient idle = client();
  server_->stop();
  const HttpResponse cut = uploading.receive();
  EXPECT_EQ(cut.status, 503);
  EXPECT_EQ(cut.error_code(), "shutting_down");
  const HttpResponse refused = ask(post(form("zip")));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.error_code(), "shutting_down");
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  EXPECT_EQ(ask(get("/health")).status, 200);
  EXPECT_EQ(ask(get("/ready")).status, 503);
  analyser_->open = true;
  EXPECT_EQ(running.receive().status, 200);
  EXPECT_EQ(waiting.receive().status, 200);
  stop();
  EXPECT_TRUE(idle.ends());
}

TEST_F(ServerTest, AStudyThatFailsIsThatStudysAnswer) {
  start();
  analyser_->mode = Mode::refuses;
  HttpResponse response = ask(post(form("zip")));
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.error_code(), "no_lungs");
  EXPECT_EQ(response.json().at("study_uid"), "1.2");
  EXPECT_THAT(response.body, HasSubstr("\xEF\xBF\xBD"));  // what is no UTF-8 is replaced
  EXPECT_FALSE(response.headers.contains("x-ctclip-warning"));
  for (const Mode mode : {Mode::out_of_memory, Mode::foreign_exception}) {
    analyser_->mode = mode;
    response = ask(post(form("zip")));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.error_code(), "internal");
    EXPECT_THAT(response.body, ::testing::Not(HasSubstr("Ivanov")));
  }
  analyser_->mode = Mode::quick;
  EXPECT_EQ(ask(post(form("zip"))).status, 200);
}

TEST_F(ServerTest, RefusesUploadsWhereTheDiskIsNearlyFull) {
  options_.disk_reserve = uint64_t{1} << 62;
  start();
  expect_refusal(post(form("zip")), 503, "disk_full");
  EXPECT_TRUE(ask(post(form("zip"))).headers.contains("retry-after"));
}

TEST_F(ServerTest, IdleConnectionsMakeRoomAndOnlyBusyOnesRefuse) {
  options_.connections = 3;
  options_.queue = 4;
  analyser_->mode = Mode::gated;
  start();
  std::vector<HttpClient> idle;
  for (int i = 0; i < 20; ++i) idle.push_back(client());
  EXPECT_TRUE(idle.front().ends());
  idle.clear();
  std::vector<HttpClient> busy;
  for (std::size_t i = 0; i < 3; ++i) {
    busy.push_back(client());
    busy.back().send(post(form("zip")));
    ASSERT_TRUE(within(30s, [&] { return spooled() == i + 1; }));
  }
  // An upload is on disk a moment before its connection counts as working.
  std::this_thread::sleep_for(100ms);
  const HttpResponse refused = client().receive();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.error_code(), "too_many_connections");
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  analyser_->open = true;
  for (HttpClient& one : busy) EXPECT_EQ(one.receive().status, 200);
}

TEST_F(ServerTest, HealthAnswersWhileStudiesRunAndUploadsAreOpen) {
  options_.jobs = 2;
  options_.queue = 32;
  analyser_->mode = Mode::busy;
  start();
  std::vector<HttpClient> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(client());
    clients.back().send(post(form("zip")));
  }
  wait_until_started(2);
  const std::string request = post(form(std::string(900'000, 'z')));
  for (int i = 0; i < 20; ++i) {
    clients.push_back(client());
    clients.back().send(request.substr(0, 700'000));
  }
  ASSERT_TRUE(within(30s, [&] { return spooled() == 22; }));
  std::vector<double> milliseconds;
  for (int i = 0; i < 50; ++i) {
    const auto began = Clock::now();
    ASSERT_EQ(ask(get("/health")).status, 200);
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - began).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  RecordProperty("health_median_ms", std::to_string(milliseconds[25]));
  RecordProperty("health_worst_ms", std::to_string(milliseconds.back()));
  std::cout << "/health: median " << milliseconds[25] << " ms, worst " << milliseconds.back()
            << " ms\n";
  EXPECT_LT(milliseconds[25], 500);
}

TEST(ServerAddress, ThatIsTakenIsRefusedByName) {
  const testing::TempDir folder;
  ServerOptions options;
  options.port = 0;
  options.spool = folder.path() / "a";
  const Server first(options);
  options.port = first.port();
  options.spool = folder.path() / "b";
  try {
    const Server second(options);
    ADD_FAILURE() << "the port was given twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::usage);
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(first.port())));
  }
}

}  // namespace
}  // namespace ctclip
