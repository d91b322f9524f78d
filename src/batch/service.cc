#include "batch/service.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>

#include "base/error.h"

namespace ctclip::batch {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kLongestAnswer = std::size_t{16} << 20U;
constexpr long kConnectSeconds = 10;
constexpr std::chrono::milliseconds kSlow{900};  ///< to connect

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::string part_of(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return {};
  std::string found = text;
  curl_free(text);
  return found;
}

[[noreturn]] void refuse_url() {
  throw Error(Code::usage,
              "--api-url: expected http://HOST:PORT or https://HOST, with or without "
              "/predict, and no query");
}

Url parse_url(const std::string& text) {
  Url url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_GUESS_SCHEME) != CURLUE_OK) {
    refuse_url();
  }
  const std::string scheme = part_of(url, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") refuse_url();
  return url;
}

void set_part(const Url& url, CURLUPart part, const char* value) {
  if (curl_url_set(url.get(), part, value, 0) != CURLUE_OK) refuse_url();
}

/// libcurl wants to be set up before the threads that use it, and once.
void set_up_curl() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) throw Error(Code::internal, "libcurl cannot be set up");
}

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeHeaders {
  void operator()(curl_slist* headers) const { curl_slist_free_all(headers); }
};
using Headers = std::unique_ptr<curl_slist, FreeHeaders>;

/// A key goes into a header, so it must not be able to end it.
Headers headers_with(const std::string& api_key) {
  if (api_key.empty()) return nullptr;
  if (!std::all_of(api_key.begin(), api_key.end(), [](char c) { return c > ' ' && c < 127; })) {
    throw Error(Code::usage, "--api-key: expected a key of printable characters without blanks");
  }
  return Headers(curl_slist_append(nullptr, ("Authorization: Bearer " + api_key).c_str()));
}

struct FreeForm {
  void operator()(curl_mime* form) const { curl_mime_free(form); }
};

std::size_t take_bytes(char* bytes, std::size_t size, std::size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size * count > kLongestAnswer) return 0;
  text.append(bytes, size * count);
  return size * count;
}

Reply no_answer(Reply::Kind kind, const std::string& code, const std::string& error) {
  return {kind, {}, code, error, {}};
}

/// The system's reason, as it stands behind a colon.
std::string reason(int error) {
  std::string text = std::generic_category().message(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

class Service : public Backend {
 public:
  explicit Service(const ServiceOptions& options)
      : options_(options),
        url_(predict_url(options)),
        shown_(shown_url(options.url)),
        headers_(headers_with(options.api_key)) {
    set_up_curl();
    curl_.reset(curl_easy_init());
    if (!curl_) throw Error(Code::internal, "libcurl cannot be set up");
  }

  Reply ask(const Question& question, const std::stop_token& stop) override {
    std::string body;
    CURL* curl = curl_.get();
    curl_easy_reset(curl);  // keeps the connection
    const std::unique_ptr<curl_mime, FreeForm> form(curl_mime_init(curl));
    curl_mimepart* part = curl_mime_addpart(form.get());
    curl_mime_name(part, "file");
    if (curl_mime_filedata(part, question.file.c_str()) != CURLE_OK) {
      return {Reply::Kind::answer, failure("unreadable", "The file cannot be read."), {}, {}, {}};
    }
    curl_mime_filename(part, "study");  // the real one may hold a patient's name
    if (!question.study_uid.empty()) add_field(form.get(), "study_uid", question.study_uid);
    Attempt attempt{*this, stop};
    set_options(form.get(), body, attempt);
    const CURLcode result = curl_easy_perform(curl);
    return result == CURLE_OK ? reply_of(status(), body, retry_after()) : broken(result);
  }

 private:
  /// In the form rather than the address, which proxies log.
  static void add_field(curl_mime* form, const char* name, const std::string& value) {
    curl_mimepart* part = curl_mime_addpart(form);
    curl_mime_name(part, name);
    curl_mime_data(part, value.c_str(), value.size());
  }

  /// What curl's progress is watched for, about once a second at least.
  struct Attempt {
    const Service& service;
    const std::stop_token& stop;
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    bool told = false;
  };

  static int watch(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& attempt = *static_cast<Attempt*>(data);
    if (!attempt.told && std::chrono::steady_clock::now() - attempt.began > kSlow) {
      attempt.told = true;
      attempt.service.tell_if_slow();
    }
    return attempt.stop.stop_requested() ? 1 : 0;
  }

  void tell_if_slow() const {
    if (options_.slow && info_of<double>(CURLINFO_CONNECT_TIME) == 0) {
      options_.slow(shown_ + ": no connection yet");
    }
  }

  void set_options(curl_mime* form, std::string& body, Attempt& attempt) {
    CURL* curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, form);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // threads
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &attempt);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ctclip-batch/" CTCLIP_VERSION);
    if (headers_) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_.get());
    if (!options_.ca_bundle.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_bundle.c_str());
    }
  }

  template <typename Value>
  Value info_of(CURLINFO what) const {
    Value value = 0;
    curl_easy_getinfo(curl_.get(), what, &value);
    return value;
  }
  long status() const { return info_of<long>(CURLINFO_RESPONSE_CODE); }
  std::optional<std::chrono::seconds> retry_after() const {
    const auto seconds =
        info_of<curl_off_t>(CURLINFO_RETRY_AFTER);  // a date is turned into seconds
    if (seconds <= 0) return std::nullopt;
    return std::chrono::seconds(seconds);
  }

  /// What it means that there was no whole answer.
  Reply broken(CURLcode result) const {
    const std::string why = curl_easy_strerror(result);
    switch (result) {
      case CURLE_ABORTED_BY_CALLBACK:
        return no_answer(Reply::Kind::abandoned, "", "");
      case CURLE_COULDNT_CONNECT:
      case CURLE_COULDNT_RESOLVE_HOST:
      case CURLE_COULDNT_RESOLVE_PROXY:
        return unreachable(result);
      case CURLE_OPERATION_TIMEDOUT:
        return too_late();
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_CONNECT_ERROR:
        return no_answer(Reply::Kind::misdirected, "misdirected",
                         fmt::format("No safe connection to the service: {}.", why));
      case CURLE_READ_ERROR:
      case CURLE_FILE_COULDNT_READ_FILE:
        return {Reply::Kind::answer, failure("unreadable", "The file cannot be read."), {}, {}, {}};
      case CURLE_WRITE_ERROR:
        return {Reply::Kind::answer, failure("bad_answer", "The answer is too long."), {}, {}, {}};
      default:
        return no_answer(Reply::Kind::again, "connection_lost",
                         fmt::format("The connection to the service was lost: {}.", why));
    }
  }

  Reply unreachable(CURLcode result) const {
    const auto error = static_cast<int>(info_of<long>(CURLINFO_OS_ERRNO));
    const bool known = result == CURLE_COULDNT_CONNECT && error != 0;
    const std::string why = known ? reason(error) : curl_easy_strerror(result);
    return no_answer(Reply::Kind::unreachable, "unreachable", shown_ + ": " + why);
  }

  Reply too_late() const {
    if (info_of<double>(CURLINFO_CONNECT_TIME) == 0) {
      return no_answer(Reply::Kind::unreachable, "unreachable",
                       fmt::format("{}: no connection within {} s", shown_, kConnectSeconds));
    }
    const double seconds = std::chrono::duration<double>(options_.timeout).count();
    return no_answer(Reply::Kind::again, "timeout",
                     fmt::format("There was no answer within {:g} s.", seconds));
  }

  ServiceOptions options_;
  std::string url_, shown_;
  Headers headers_;
  std::unique_ptr<CURL, FreeCurl> curl_;
};

/// What nests deeper, or has more keys, is no answer of ours: copying the one recurses, and an
/// object that keeps its order looks through all its keys for each new one. An archive of many
/// studies has an object of a few keys for each series.
ordered_json parse_answer(std::string_view body) {
  constexpr int kDeepest = 32;
  constexpr int64_t kMostKeys = 500'000, kMostInObject = 2'000;
  std::array<int64_t, kDeepest + 2> keys_at = {};  // of the object that is open at a depth
  int64_t keys = 0;
  bool sane = true;
  ordered_json answer = ordered_json::parse(
      body,
      [&](int depth, ordered_json::parse_event_t event, const ordered_json&) {
        sane = sane && depth <= kDeepest;
        if (!sane) return false;  // what is not kept costs nothing
        const auto level = static_cast<std::size_t>(depth);
        if (event == ordered_json::parse_event_t::object_start) keys_at.at(level + 1) = 0;
        if (event == ordered_json::parse_event_t::key) {
          sane = ++keys_at.at(level) <= kMostInObject && ++keys <= kMostKeys;
        }
        return sane;
      },
      false);
  return sane ? answer : ordered_json(ordered_json::value_t::discarded);
}

std::string text_or(const ordered_json& answer, const char* name, const std::string& otherwise) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

}  // namespace

ordered_json failure(const std::string& error_code, const std::string& error) {
  return {{"processing_status", "Failure"}, {"error", error}, {"error_code", error_code}};
}

std::string predict_url(const ServiceOptions& options) {
  const Url url = parse_url(options.url);
  if (!part_of(url, CURLUPART_QUERY).empty()) refuse_url();
  std::string path = part_of(url, CURLUPART_PATH);
  while (path.ends_with('/')) path.pop_back();
  if (!path.ends_with("/predict")) path += "/predict";
  std::string query = "details=true";
  if (options.threshold) query += fmt::format("&threshold={}", *options.threshold);
  if (options.any_anatomy) query += "&any_anatomy=true";
  set_part(url, CURLUPART_PATH, path.c_str());
  set_part(url, CURLUPART_QUERY, query.c_str());
  return part_of(url, CURLUPART_URL);
}

std::string shown_url(const std::string& text) {
  const Url url = parse_url(text);
  set_part(url, CURLUPART_USER, nullptr);
  set_part(url, CURLUPART_PASSWORD, nullptr);
  std::string shown = part_of(url, CURLUPART_URL);
  if (shown.ends_with('/')) shown.pop_back();  // which curl adds
  return shown;
}

Reply reply_of(long status, std::string_view body,
               std::optional<std::chrono::seconds> retry_after) {
  constexpr std::array<long, 5> kAgain = {408, 429, 502, 503, 504};
  constexpr std::array<long, 5> kMisdirected = {401, 403, 404, 405, 407};
  const auto is_one_of = [status](const auto& list) {
    return std::find(list.begin(), list.end(), status) != list.end();
  };
  ordered_json answer = parse_answer(body);
  const bool told = answer.is_object() && answer.contains("processing_status");
  if (!told) {
    answer = failure("http_" + std::to_string(status),
                     fmt::format("The service answered HTTP {} and no result.", status));
  }
  Reply reply{Reply::Kind::answer, {}, text_or(answer, "error_code", "failed"), {}, retry_after};
  reply.error = text_or(answer, "error", "");
  reply.answer = std::move(answer);
  if (is_one_of(kAgain)) reply.kind = Reply::Kind::again;
  if (is_one_of(kMisdirected)) reply.kind = Reply::Kind::misdirected;
  return reply;
}

std::unique_ptr<Backend> make_service(const ServiceOptions& options) {
  return std::make_unique<Service>(options);
}

}  // namespace ctclip::batch
