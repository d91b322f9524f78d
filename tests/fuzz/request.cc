// A request as it comes from the network: its line and headers by the service's own parser and
// limits, then all that is asked of them before a body is taken.

#include <boost/asio/buffer.hpp>

#include "fuzz/fuzz.h"
#include "server/parameters.h"
#include "server/routes.h"
#include "server/server.h"
#include "server/text.h"
#include "server/wire.h"

namespace {

using namespace ctclip;

constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }

void check_parameters(const std::string& query) {
  const Parameters parameters = Parameters::from_query(query);
  const auto threshold = parameters.threshold();
  if (threshold && !(*threshold >= 0 && *threshold <= 1)) std::abort();
  if (parameters.study({}).series_uid.size() > 64) std::abort();
  Parameters merged = parameters;
  merged.merge(parameters);  // agrees with itself
}

void serve(const Parser& parser) {
  const Header& header = parser.get();
  const Target target = split_target(view(header.target()));
  for (const char c : shown(view(header.target()))) {
    if (!is_printable(c)) std::abort();
  }
  fuzz::may_refuse([&] { require_allowed(route_of(target.path), view(header.method_string())); });
  fuzz::may_refuse([&] { require_plain_body(parser); });
  fuzz::may_refuse([&] { check_parameters(target.query); });
  fuzz::may_refuse([&] { required_boundary(header); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Parser parser;
  parser.header_limit(ServerOptions{}.header_bytes);
  parser.body_limit(boost::none);
  std::array<char, 4096> body{};
  parser.get().body().data = body.data();
  parser.get().body().size = body.size();
  boost::system::error_code error;
  parser.put(boost::asio::buffer(data, size), error);
  fuzz::may_refuse([&] {
    if (error && error != boost::beast::http::error::need_buffer) require_read(error);
    if (parser.is_header_done()) serve(parser);
  });
  return 0;
}
