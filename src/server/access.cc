#include "server/access.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "server/text.h"

namespace ctclip {
namespace {

struct Rule {
  Route route;
  std::string_view method;
  Access access;
};
constexpr std::array kRules = {
    Rule{Route::page, "GET", Access::open},         Rule{Route::health, "GET", Access::open},
    Rule{Route::ready, "GET", Access::open},        Rule{Route::openapi, "GET", Access::open},
    Rule{Route::predict, "POST", Access::submit},   Rule{Route::metrics, "GET", Access::operate},
    Rule{Route::studies, "POST", Access::submit},   Rule{Route::studies, "GET", Access::read},
    Rule{Route::study, "DELETE", Access::submit},   Rule{Route::study, "GET", Access::read},
    Rule{Route::study_events, "GET", Access::read},
};

bool allows(const Identity& identity, Access access) {
  switch (access) {
    case Access::open:
      return true;
    case Access::submit:
      return identity.scopes.has(Scope::submit);
    case Access::read:
      return identity.scopes.has(Scope::read);
    case Access::admin:
    case Access::operate:
      break;
  }
  return identity.scopes.has(Scope::admin);
}

std::string_view scope_for(Access access) {
  if (access == Access::submit) return "submit";
  return access == Access::read ? "read" : "admin";
}

}  // namespace

Access access_of(Route route, std::string_view method) {
  if (method == "HEAD") method = "GET";
  for (const Rule& rule : kRules) {
    if (rule.route == route && rule.method == method) return rule.access;
  }
  return Access::admin;
}

bool FailedAttempts::count(const std::string& address, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(forgiven_, [now](const auto& one) { return one.second <= now; });
  if (!forgiven_.contains(address) && forgiven_.size() >= kAddresses) {
    forgiven_.erase(
        std::ranges::min_element(forgiven_, {}, [](const auto& one) { return one.second; }));
  }
  Clock::time_point& until = forgiven_.try_emplace(address, now).first->second;
  if (until + kPause > now + kAtOnce * kPause) return false;
  until += kPause;
  return true;
}

Gate::Gate(std::filesystem::path keys)
    : file_(std::move(keys)), keys_(std::make_shared<const std::vector<ApiKey>>()) {
  if (has_keys()) reload();
}

void Gate::reload() {
  if (!has_keys()) return;
  auto fresh = std::make_shared<const std::vector<ApiKey>>(read_keys(file_));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(fresh);
}

// Every hash is looked at, whole: how long it takes tells nothing of how near a guess was.
std::optional<Identity> Gate::find(std::string_view key) const {
  const KeyHash hash = hash_of(key);
  std::shared_ptr<const std::vector<ApiKey>> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  const ApiKey* found = nullptr;
  for (const ApiKey& one : *keys) {
    if (CRYPTO_memcmp(one.hash.data(), hash.data(), hash.size()) == 0) found = &one;
  }
  if (found == nullptr) return std::nullopt;
  return Identity{found->id, found->scopes};
}

Identity Gate::identify(Access access, std::string_view key, const Peer& peer) {
  const bool here = access == Access::operate && peer.loopback && (key.empty() || !has_keys());
  if (access == Access::open || here) return {};
  if (!has_keys()) {
    if (allows({}, access)) return {};
    throw Error(Code::forbidden, "Without API keys this is for the service's own machine alone.");
  }
  if (key.empty()) {
    throw Error(Code::unauthenticated,
                "This needs an API key: Authorization: Bearer KEY, or X-API-Key: KEY.");
  }
  std::optional<Identity> identity = find(key);
  if (!identity) {
    if (!failed_.count(peer.address)) {
      throw Error(Code::too_many_attempts, "Too many wrong API keys came from this address.");
    }
    throw Error(Code::unauthenticated, "The API key is not known.");
  }
  return *std::move(identity);
}

void require_scope(const Identity& identity, Access access) {
  if (identity.id.empty() || allows(identity, access)) return;
  throw Error(Code::forbidden, "The API key " + identity.id + " does not have the scope " +
                                   std::string(scope_for(access)) + ".");
}

std::string_view presented_key(std::string_view authorization, std::string_view x_api_key) {
  constexpr std::string_view kScheme = "bearer ";
  if (lower(authorization.substr(0, kScheme.size())) == kScheme) {
    return trim(authorization.substr(kScheme.size()));
  }
  return trim(x_api_key);
}

}  // namespace ctclip
