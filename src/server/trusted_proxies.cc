#include "server/trusted_proxies.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "server/forwarded.h"
#include "server/text.h"

namespace ctclip {
namespace {

namespace ip = boost::asio::ip;

[[noreturn]] void refuse(const std::string& network, const std::string& expected) {
  throw Error(Code::usage, "expected " + expected + ", found " + shown(network));
}

/// A network of this version, from an address or a prefix; none if the text is neither.
template <typename Network, typename Make>
std::optional<Network> parse(const std::string& text, const char* whole, Make make) {
  boost::system::error_code error;
  const Network network = make(text.find('/') == text.npos ? text + whole : text, error);
  if (error) return std::nullopt;
  if (network != network.canonical()) refuse(text, network.canonical().to_string());
  return network;
}

template <typename Network>
bool contains(const std::vector<Network>& networks, const auto& address) {
  return std::ranges::any_of(networks, [&](const Network& network) {
    return network.canonical() == Network(address, network.prefix_length()).canonical();
  });
}

using Read = Hops (*)(std::string_view);

/// The last hop that is known of the way through `fields`, from the connected proxy outwards.
ip::address walk(const TrustedProxies& proxies, ip::address last,
                 const std::vector<std::string_view>& fields, Read read) {
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    const Hops hops = read(*field);
    for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
      if (!*hop) return last;
      last = **hop;
      if (!proxies.trusts(last)) return last;
    }
  }
  return last;
}

}  // namespace

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks) {
  const auto make_v4 = [](const std::string& text, auto& error) {
    return ip::make_network_v4(text, error);
  };
  const auto make_v6 = [](const std::string& text, auto& error) {
    return ip::make_network_v6(text, error);
  };
  for (const std::string& text : networks) {
    if (const auto v4 = parse<ip::network_v4>(text, "/32", make_v4)) {
      v4_.push_back(*v4);
    } else if (const auto v6 = parse<ip::network_v6>(text, "/128", make_v6)) {
      v6_.push_back(*v6);
    } else {
      refuse(text, "an address or a network, as 10.0.0.0/8 or fd00::/8");
    }
  }
}

bool TrustedProxies::trusts(const ip::address& address) const {
  const ip::address known = unmapped(address);
  return known.is_v4() ? contains(v4_, known.to_v4()) : contains(v6_, known.to_v6());
}

Peer TrustedProxies::peer_of(const ip::address& connected) const {
  Peer peer = ctclip::peer_of(connected);
  if (trusts(connected)) peer.client.clear();
  return peer;
}

Peer TrustedProxies::client_of(const ip::address& connected,
                               const ForwardedHeaders& headers) const {
  const bool forwards = !headers.x_forwarded_for.empty() || !headers.forwarded.empty();
  if (!forwards || !trusts(connected)) return peer_of(connected);
  const ip::address x = walk(*this, connected, headers.x_forwarded_for, read_x_forwarded_for);
  const ip::address standard = walk(*this, connected, headers.forwarded, read_forwarded);
  const bool both = !headers.x_forwarded_for.empty() && !headers.forwarded.empty();
  const ip::address client = headers.x_forwarded_for.empty() ? standard : x;
  Peer peer = peer_of(both && x != standard ? connected : client);
  peer.loopback = false;  // it came from elsewhere, whatever it says of itself
  return peer;
}

}  // namespace ctclip
