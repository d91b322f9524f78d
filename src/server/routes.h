#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "server/reply.h"

namespace ctclip {

class Jobs;
struct Service;

/// Everything that the service answers to.
enum class Route {
  page,
  health,
  ready,
  metrics,
  openapi,
  predict,
  studies,
  study,
  study_events,
  unknown
};

Route route_of(std::string_view path);
/// For the log, instead of what the client sent.
std::string_view name_of(Route route);
/// "GET, HEAD" or "POST", say: what the Allow header of a 405 says.
std::string_view allowed_methods(Route route);

/// Asked by a monitor again and again.
bool is_probe(Route route);

/// Throws Error{not_found, method_not_allowed}.
void require_allowed(Route route, std::string_view method);

/// When a client that was refused for this reason had better try again.
std::chrono::seconds retry_after(Code code, const Jobs& jobs);

/// Whether its answer may wait for a disk.
bool looks_at_disk(Route route);
/// The answers that need no body of a request: page, health, ready, metrics, openapi. Where keys
/// are in force, the page asks for one.
Reply answer_get(Route route, const Service& service, std::string_view accept);

}  // namespace ctclip
