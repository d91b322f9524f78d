#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string_view>
#include <vector>

namespace ctclip {

/// The hops that a header lists, the nearest one last; none for a hop without a usable address:
/// `unknown`, an obfuscated identifier, or nothing that can be understood.
using Hops = std::vector<std::optional<boost::asio::ip::address>>;

/// One X-Forwarded-For field: addresses, with or without a port, separated by commas.
Hops read_x_forwarded_for(std::string_view field);

/// One Forwarded field (RFC 7239), of which `for` counts. A field that breaks the grammar anywhere
/// is a single hop without an address: where its elements end is not known.
Hops read_forwarded(std::string_view field);

}  // namespace ctclip
