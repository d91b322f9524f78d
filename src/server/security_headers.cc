#include "server/security_headers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "server/text.h"

namespace ctclip {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> kHeaders = {{
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    // The page shows answers in a frame of its own.
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'"},
}};
constexpr const char* kTransport = "Strict-Transport-Security";
constexpr const char* kYear = "max-age=31536000";

void add(Reply& reply, const char* name, const char* value) {
  const auto same = [name](const auto& header) { return header.first == name; };
  if (std::ranges::any_of(reply.headers, same)) return;
  reply.headers.emplace_back(name, value);
}

/// scheme://host or scheme://host:port, in lower case, as browsers send it.
bool is_origin(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view name = text.substr(0, scheme), host = text.substr(scheme + 3);
  const auto is_of_a_host = [](char c) {
    return is_alphanumeric(c) || std::string_view(".-:[]_").find(c) != std::string_view::npos;
  };
  return (name == "http" || name == "https") && !host.empty() && lower(host) == host &&
         std::ranges::all_of(host, is_of_a_host);
}

}  // namespace

void add_security_headers(Reply& reply, bool secure) {
  for (const auto& [name, value] : kHeaders) add(reply, name, value);
  if (secure) add(reply, kTransport, kYear);
}

Cors::Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {
  for (const std::string& origin : origins_) {
    if (is_origin(origin)) continue;
    throw Error(Code::usage,
                "--cors-origin: expected an origin such as https://viewer.example.org, found " +
                    shown(origin));
  }
}

bool Cors::allows(std::string_view origin) const {
  return !origin.empty() && std::ranges::find(origins_, origin) != origins_.end();
}

Reply Cors::preflight(std::string_view allowed_methods) {
  Reply reply;
  reply.status = 204;
  reply.headers.emplace_back("Access-Control-Allow-Methods", allowed_methods);
  reply.headers.emplace_back(
      "Access-Control-Allow-Headers",
      "Authorization, X-API-Key, X-Request-ID, Content-Type, Idempotency-Key");
  reply.headers.emplace_back("Access-Control-Max-Age", "600");
  return reply;
}

void Cors::mark(Reply& reply, std::string_view origin) const {
  if (origins_.empty()) return;
  const auto vary = std::ranges::find(reply.headers, "Vary", [](auto& one) { return one.first; });
  if (vary == reply.headers.end()) {
    reply.headers.emplace_back("Vary", "Origin");
  } else {
    vary->second += ", Origin";
  }
  if (!allows(origin)) return;
  reply.headers.emplace_back("Access-Control-Allow-Origin", origin);
  reply.headers.emplace_back("Access-Control-Expose-Headers",
                             "X-CTCLIP-Warning, X-CTCLIP-Notice, X-CTCLIP-Study, "
                             "X-CTCLIP-From-History, X-Request-ID, Content-Language, "
                             "Retry-After, WWW-Authenticate, Location");
}

}  // namespace ctclip
