#include "server/peer.h"

#include <algorithm>

namespace ctclip {

namespace ip = boost::asio::ip;

ip::address unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

Peer peer_of(const ip::address& address) {
  const ip::address known = unmapped(address);
  Peer peer;
  peer.ip = known.to_string();
  peer.loopback = known.is_loopback();
  if (known.is_v6() && !peer.loopback) {
    auto bytes = known.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), uint8_t{0});
    peer.address = ip::address_v6(bytes).to_string() + "/64";
  } else {
    peer.address = known.to_string();
  }
  const bool proxy = known == ip::address_v4::loopback() || known == ip::address_v6::loopback();
  if (!proxy) peer.client = peer.address;
  return peer;
}

std::optional<Quota::Slot> Quota::take(const std::string& client) {
  if (limit_ == 0 || client.empty()) return Slot();
  const std::lock_guard lock(mutex_);
  int& count = taken_[client];
  if (count >= limit_) return std::nullopt;
  ++count;
  return Slot(this, client);
}

void Quota::give_back(const std::string& client) {
  const std::lock_guard lock(mutex_);
  const auto found = taken_.find(client);
  if (found != taken_.end() && --found->second == 0) taken_.erase(found);
}

}  // namespace ctclip
