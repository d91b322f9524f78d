#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/peer.h"

namespace ctclip {

/// What a request says of the way that it came, as its header has it: the values of each field in
/// their order.
struct ForwardedHeaders {
  std::vector<std::string_view> x_forwarded_for;
  std::vector<std::string_view> forwarded;  ///< RFC 7239
};

/// The proxies whose word on the client's address is taken (--trusted-proxy). Immutable.
class TrustedProxies {
 public:
  /// Addresses and networks, as "10.0.0.7", "10.0.0.0/8" or "fd00::/8". Throws Error{usage}.
  explicit TrustedProxies(const std::vector<std::string>& networks);

  /// IPv4 in IPv6 counts as IPv4.
  bool trusts(const boost::asio::ip::address& address) const;

  /// Who is at the other end of a connection. A trusted proxy counts as nobody in the limits of one
  /// client: it stands for all of its clients.
  Peer peer_of(const boost::asio::ip::address& connected) const;

  /// Who sent a request. Of a trusted proxy's, the right-most hop that is no trusted proxy; what is
  /// to its left is only what that hop says. The last proxy that is known if it names no address
  /// (`unknown`, `_hidden`) or the header is malformed. The connected proxy if both headers came
  /// and name different clients: a client may have sent the one that the proxy does not write.
  Peer client_of(const boost::asio::ip::address& connected, const ForwardedHeaders& headers) const;

 private:
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

}  // namespace ctclip
