#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "batch/backend.h"

namespace ctclip::batch {

struct ServiceOptions {
  std::string url;                       ///< of the service, or of its /predict
  std::chrono::milliseconds timeout{0};  ///< for a try: connecting, upload, waiting, answer
  std::filesystem::path ca_bundle;       ///< PEM; empty for the system's
  std::optional<double> threshold;
  bool any_anatomy = false;
  std::string api_key;  ///< sent as `Authorization: Bearer`; empty for none
  /// Hears of a connection that is not made at once, as "WHOM: WHY"; any thread.
  std::function<void(const std::string&)> slow = nullptr;
};

/// Where studies are posted to, with the query that asks for what the options say. Throws
/// Error{usage} where the URL is none of http or https.
std::string predict_url(const ServiceOptions& options);
/// The URL as it may be shown: without a user and a password.
std::string shown_url(const std::string& url);

/// What an HTTP answer means: 408, 429, 502, 503 and 504 are tried again, 401, 403, 404, 405 and
/// 407 are wrong addresses, every other is the study's answer, whatever the body is.
Reply reply_of(long status, std::string_view body, std::optional<std::chrono::seconds> retry_after);

/// Posts studies to a service by libcurl, streamed from disk, over one connection that is kept.
/// The study's name is not sent. Throws Error{usage} for a wrong URL or key.
std::unique_ptr<Backend> make_service(const ServiceOptions& options);

}  // namespace ctclip::batch
