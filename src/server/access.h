#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_keys.h"
#include "server/identity.h"
#include "server/peer.h"
#include "server/routes.h"

namespace ctclip {

/// Whom a route answers where keys are in force.
enum class Access {
  open,    ///< everyone: health, the page, the description
  submit,  ///< keys with this scope, as the next two
  read,
  admin,
  operate,  ///< admins, and this machine without a key. A proxy on it must keep the route to
            ///< itself.
};

/// The one table of who may do what. A route that is not in it is for admins.
Access access_of(Route route, std::string_view method);

/// Wrong keys by address: ten at once, then one every six seconds. A right key is always taken,
/// since clients may share an address with whoever guesses, and 256 bits are not guessed anyway:
/// what is kept short is the log and the work. Thread-safe.
class FailedAttempts {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int kAtOnce = 10;
  static constexpr std::chrono::seconds kPause{6};
  static constexpr std::size_t kAddresses =
      4096;  ///< remembered; beyond, whichever is forgiven first

  /// Whether one more failure is only a failure, rather than one too many.
  bool count(const std::string& address, Clock::time_point now = Clock::now());

 private:
  std::mutex mutex_;
  std::map<std::string, Clock::time_point> forgiven_;  ///< when all of an address's are forgotten
};

/// Who may come in, by the keys in force. Thread-safe.
class Gate {
 public:
  /// No file: no keys, and everyone may submit and read. Throws as `read_keys`.
  explicit Gate(std::filesystem::path keys);

  bool has_keys() const { return !file_.empty(); }
  /// Takes up a changed file. Throws as `read_keys` and leaves the old keys in force.
  void reload();

  /// Who it is that wants `access`; nobody in particular if no key is needed. `key`: what the
  /// client sent, empty for none. Throws Error{unauthenticated, forbidden, too_many_attempts};
  /// forbidden only without keys.
  Identity identify(Access access, std::string_view key, const Peer& peer);

 private:
  std::optional<Identity> find(std::string_view key) const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::shared_ptr<const std::vector<ApiKey>> keys_;
  FailedAttempts failed_;
};

/// Throws Error{forbidden} if the identity of a key lacks the scope.
void require_scope(const Identity& identity, Access access);

/// The key in `Authorization: Bearer KEY`, else that in `X-API-Key: KEY`, else nothing.
std::string_view presented_key(std::string_view authorization, std::string_view x_api_key);

}  // namespace ctclip
