#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace ctclip {

/// An IPv4 address in IPv6 form as IPv4, any other as it is.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

/// The other end of a connection, or whoever a trusted proxy speaks for.
struct Peer {
  std::string ip;       ///< whole, for logs and the audit
  std::string address;  ///< an IPv4 address, or the first 64 bits of an IPv6 one: one household
  bool loopback = false;
  /// Whom the limits of one client count for. Empty, which is nobody, for 127.0.0.1 and ::1: there
  /// a proxy stands for all of its clients, and limits them itself.
  std::string client;
};
Peer peer_of(const boost::asio::ip::address& address);

/// Counts what each client has of one thing at once. Thread-safe; outlives its slots.
class Quota {
 public:
  /// What one client has of it, given back when it goes away.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept
        : quota_(std::exchange(other.quota_, nullptr)), client_(std::move(other.client_)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(quota_, other.quota_);
      std::swap(client_, other.client_);
      return *this;
    }
    ~Slot() {
      if (quota_ != nullptr) quota_->give_back(client_);
    }

   private:
    friend class Quota;
    Slot(Quota* quota, std::string client) : quota_(quota), client_(std::move(client)) {}
    Quota* quota_ = nullptr;
    std::string client_;
  };

  /// `limit` for each client; 0 for none.
  explicit Quota(int limit) : limit_(limit) {}
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;

  int limit() const { return limit_; }
  /// Nothing where the client has all that it may have. An empty client is not counted.
  std::optional<Slot> take(const std::string& client);

 private:
  void give_back(const std::string& client);

  const int limit_;
  std::mutex mutex_;
  std::map<std::string, int> taken_;
};

}  // namespace ctclip
