#include "server/exchange.h"

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "server/request_id.h"

namespace ctclip {

namespace http = boost::beast::http;

std::optional<Reply> preflight(const Exchange& exchange, const Cors& cors) {
  const Header& header = exchange.parser.get();
  const bool asks = header.method() == http::verb::options && exchange.route != Route::unknown &&
                    header.count(http::field::access_control_request_method) > 0;
  if (!asks || !cors.allows(view(header[http::field::origin]))) return std::nullopt;
  return Cors::preflight(allowed_methods(exchange.route));
}

Reply failure_of(const Exchange& exchange, const Error& error, const Jobs& jobs) {
  Reply reply =
      failure_reply(error, exchange.seconds(), retry_after(error.code(), jobs), exchange.asker);
  if (error.code() == Code::method_not_allowed) {
    reply.headers.emplace_back("Allow", allowed_methods(exchange.route));
  }
  if (error.code() == Code::unauthenticated) {
    reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"ctclip\"");
  }
  return reply;
}

void dress(const Exchange& exchange, const Cors& cors, bool secure, Reply& reply) {
  reply.headers.emplace_back(kRequestIdHeader, exchange.asker.request_id);
  add_security_headers(reply, secure);
  cors.mark(reply, view(exchange.parser.get()[http::field::origin]));
}

ForwardedHeaders forwarded_headers(const Header& header) {
  const auto values = [&](auto field) {
    std::vector<std::string_view> found;
    const auto [first, last] = header.equal_range(field);
    for (auto one = first; one != last; ++one) found.push_back(view(one->value()));
    return found;
  };
  return {values("X-Forwarded-For"), values("Forwarded")};
}

void note_served(const Exchange& exchange, int status, std::size_t sent, Metrics& metrics) {
  const std::string_view route = name_of(exchange.route);
  const double seconds = exchange.seconds();
  metrics.served({route, status, seconds, exchange.received, sent});
  nlohmann::ordered_json fields = {
      {"request_id", exchange.asker.request_id},
      {"client", exchange.peer.ip},
      {"method", view(http::to_string(exchange.parser.get().method()))},
      {"route", route},
      {"status", status},
      {"received", exchange.received},
      {"sent", sent},
      {"seconds", seconds}};
  if (!exchange.identity.id.empty()) fields["key"] = exchange.identity.id;
  log_event(is_probe(exchange.route) ? spdlog::level::debug : spdlog::level::info, "request",
            fields);
}

}  // namespace ctclip
