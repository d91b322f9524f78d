#include "server/routes.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/split.h"
#include "server/access.h"
#include "server/jobs.h"
#include "server/openapi.h"
#include "server/page.h"
#include "server/session.h"
#include "server/standing.h"
#include "server/study_routes.h"
#include "server/text.h"

namespace ctclip {
namespace {

using Json = nlohmann::ordered_json;

struct Entry {
  Route route;
  std::string_view path, name, methods;
};
constexpr std::array kRoutes = {
    Entry{Route::page, "/", "/", "GET, HEAD"},
    Entry{Route::health, "/health", "/health", "GET, HEAD"},
    Entry{Route::ready, "/ready", "/ready", "GET, HEAD"},
    Entry{Route::metrics, "/metrics", "/metrics", "GET, HEAD"},
    Entry{Route::openapi, "/openapi.json", "/openapi.json", "GET, HEAD"},
    Entry{Route::predict, "/predict", "/predict", "POST"},
    Entry{Route::studies, "/v1/studies", "/v1/studies", "GET, HEAD, POST"},
    Entry{Route::study, "", "/v1/studies/{id}", "GET, HEAD, DELETE"},
    Entry{Route::study_events, "", "/v1/studies/{id}/events", "GET, HEAD"},
    Entry{Route::unknown, "", "(unknown)", ""},
};

const Entry& entry(Route route) { return kRoutes[static_cast<std::size_t>(route)]; }

/// Whether a method is in "GET, HEAD".
bool lists(std::string_view methods, std::string_view method) {
  while (!methods.empty()) {
    if (take_until(methods, ", ") == method) return true;
  }
  return false;
}

Reply page_or_status(std::string_view accept, bool keys) {
  Reply reply;
  if (lower(accept).find("text/html") == std::string::npos) {
    reply = json_reply(
        200, Json{{"status", "healthy"}, {"service", "ctclip"}, {"version", CTCLIP_VERSION}});
  } else {
    reply.type = "text/html; charset=utf-8";
    reply.body = page_html(keys);
    reply.headers.emplace_back("Content-Security-Policy", page_policy(keys));
  }
  reply.headers.emplace_back("Vary", "Accept");
  return reply;
}

Reply description() {
  Reply reply;
  reply.body = openapi_json();
  return reply;
}

}  // namespace

Route route_of(std::string_view path) {
  if (const std::string id = study_id_of(path); !id.empty()) {
    const std::string_view below = path.substr(path.find(id) + id.size());
    if (below.empty()) return Route::study;
    if (below == "/events") return Route::study_events;
  }
  for (const Entry& candidate : kRoutes) {
    if (!candidate.path.empty() && candidate.path == path) return candidate.route;
  }
  return Route::unknown;
}

std::string_view name_of(Route route) { return entry(route).name; }
std::string_view allowed_methods(Route route) { return entry(route).methods; }

bool is_probe(Route route) {
  return route == Route::health || route == Route::ready || route == Route::metrics;
}

void require_allowed(Route route, std::string_view method) {
  if (route == Route::unknown) {
    throw Error(Code::not_found,
                "There is nothing at this path; there are /, /health, /ready, /metrics, "
                "/openapi.json, /predict and /v1/studies.");
  }
  const std::string_view allowed = allowed_methods(route);
  if (!lists(allowed, method)) {
    throw Error(Code::method_not_allowed, std::string(name_of(route)) + " takes " +
                                              std::string(allowed) + ", not " + shown(method) +
                                              ".");
  }
}

std::chrono::seconds retry_after(Code code, const Jobs& jobs) {
  switch (code) {
    case Code::queue_full:
    case Code::client_limit:
      return jobs.retry_after();
    case Code::too_many_attempts:
      return FailedAttempts::kPause;
    case Code::disk_full:
      return std::chrono::seconds(60);
    case Code::shutting_down:
      return std::chrono::seconds(30);  // a restart, models included
    default:
      return std::chrono::seconds(5);
  }
}

bool looks_at_disk(Route route) { return route == Route::ready || route == Route::metrics; }

Reply answer_get(Route route, const Service& service, std::string_view accept) {
  switch (route) {
    case Route::health:
      return json_reply(200, Json{{"status", "healthy"}});
    case Route::ready:
      return readiness(service);
    case Route::metrics:
      return metrics_reply(service);
    case Route::openapi:
      return description();
    default:
      return page_or_status(accept, service.gate.has_keys());
  }
}

}  // namespace ctclip
