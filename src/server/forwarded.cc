#include "server/forwarded.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/peer.h"
#include "server/text.h"

namespace ctclip {
namespace {

namespace ip = boost::asio::ip;
using Address = std::optional<ip::address>;

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_obfuscated(std::string_view text) {
  return text.size() > 1 && text.front() == '_' && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

/// What may follow an address: nothing, or a port, which may be obfuscated as well.
bool is_port_part(std::string_view text) {
  if (text.empty()) return true;
  return text.front() == ':' && (is_port(text.substr(1)) || is_obfuscated(text.substr(1)));
}

Address parse(std::string_view text) {
  boost::system::error_code error;
  // A zone is of the proxy's own machine.
  const ip::address address = ip::make_address(std::string(text), error);
  if (error || text.find('%') != std::string_view::npos) return std::nullopt;
  return unmapped(address);
}

/// "192.0.2.7", "192.0.2.7:80", "[2001:db8::1]", "[2001:db8::1]:80", "2001:db8::1"
Address address_of(std::string_view node) {
  if (node.starts_with('[')) {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos || !is_port_part(node.substr(end + 1))) return std::nullopt;
    const Address address = parse(node.substr(1, end - 1));
    const bool bracketed = node.substr(1, end - 1).find(':') != std::string_view::npos;
    return bracketed ? address : std::nullopt;
  }
  const std::size_t colon = node.find(':');
  const bool one = colon != std::string_view::npos && node.find(':', colon + 1) == node.npos;
  if (!one) return parse(node);
  return is_port_part(node.substr(colon)) ? parse(node.substr(0, colon)) : std::nullopt;
}

/// Goes through a Forwarded field from left to right. Each function takes what it names off the
/// front and returns false if it is not there.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  bool ended() const { return rest_.empty(); }

  void blanks() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
  }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// Characters up to one of the grammar's own. Some proxies leave out the quotes that an IPv6
  /// address or a port needs.
  bool token(std::string& out) {
    const std::size_t end = std::min(rest_.find_first_of(" \t\",;="), rest_.size());
    out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !out.empty();
  }

  bool quoted(std::string& out) {
    out.clear();
    if (!take('"')) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return false;
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    return take('"');
  }

 private:
  std::string_view rest_;
};

/// forwarded-element = [ pair ] *( ";" [ pair ] ); false if it is malformed.
bool read_element(Reader& reader, Address& address) {
  bool seen = false;
  do {
    reader.blanks();
    std::string name, value;
    if (!reader.token(name)) continue;
    if (!reader.take('=') || !(reader.quoted(value) || reader.token(value))) return false;
    reader.blanks();
    if (lower(name) != "for") continue;
    if (std::exchange(seen, true)) return false;
    address = address_of(value);
  } while (reader.take(';'));
  return true;
}

}  // namespace

Hops read_x_forwarded_for(std::string_view field) {
  Hops hops;
  for (std::size_t begin = 0; begin <= field.size();) {
    const std::size_t end = std::min(field.find(',', begin), field.size());
    hops.push_back(address_of(trim(field.substr(begin, end - begin))));
    begin = end + 1;
  }
  return hops;
}

Hops read_forwarded(std::string_view field) {
  Reader reader(field);
  Hops hops;
  do {
    Address address;
    if (!read_element(reader, address)) return {std::nullopt};
    hops.push_back(address);
  } while (reader.take(','));
  return reader.ended() ? hops : Hops{std::nullopt};
}

}  // namespace ctclip
