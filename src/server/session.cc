#include "server/session.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <functional>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>

#include "base/log.h"
#include "server/client_limits.h"
#include "server/exchange.h"
#include "server/line.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/study_routes.h"
#include "server/study_view.h"
#include "server/submission.h"
#include "server/text.h"
#include "server/transport.h"
#include "server/upload_form.h"
#include "server/wire.h"

namespace ctclip {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;
using std::chrono_literals::operator""s;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kChunk = 64 << 10;  ///< of an upload, from the network to the disk

/// A form that is being received. Its file, if it fails, is removed on the disk's threads.
struct DisposeOnDisk {
  asio::thread_pool* disk;
  void operator()(UploadForm* form) const {
    asio::post(*disk, [owned = std::unique_ptr<UploadForm>(form)] {});
  }
};
using FormOnDisk = std::unique_ptr<UploadForm, DisposeOnDisk>;

class Session : public Connection, public std::enable_shared_from_this<Session> {
 public:
  Session(Accepted accepted, Service& service)
      : stream_(std::move(accepted.socket), service.tls ? service.tls->context() : nullptr),
        address_(std::move(accepted.address)),
        slot_(std::move(accepted.slot)),
        service_(service),
        buffer_(kChunk * 2) {}

  asio::awaitable<void> run();
  void drop() override;
  void interrupt() override;

 private:
  asio::awaitable<bool> greet();
  asio::awaitable<bool> serve_one();
  asio::awaitable<error_code> read_header(Parser& parser);
  asio::awaitable<std::optional<Reply>> answer(Exchange& exchange, error_code header_error);
  asio::awaitable<Reply> route(Exchange& exchange);
  asio::awaitable<void> admit(Exchange& exchange);
  asio::awaitable<void> record_refused_key(const Exchange& exchange);
  asio::awaitable<Reply> studies(Exchange& exchange, const Target& target);
  asio::awaitable<Submission> take(Exchange& exchange, const std::string& query,
                                   Jobs::Place& place);
  asio::awaitable<Upload> receive(Exchange& exchange, const std::string& boundary,
                                  Jobs::Place& place);
  asio::awaitable<std::size_t> read_body(Exchange& exchange, std::string& chunk);
  asio::awaitable<void> say_continue(const Header& header);
  asio::awaitable<Reply> predict(Exchange& exchange, const std::string& query);
  asio::awaitable<Reply> post(Exchange& exchange, const std::string& query);
  asio::awaitable<void> stream(Exchange& exchange, Reply reply);
  asio::awaitable<void> send(std::string bytes);
  asio::awaitable<void> write(const Exchange& exchange, Reply reply, bool keep_alive);
  asio::awaitable<void> linger();
  Line line();
  bool client_left();

  Transport stream_;
  const asio::ip::address address_;  ///< of the other end
  const Quota::Slot slot_;           ///< of the connection
  Service& service_;
  beast::flat_buffer buffer_;  ///< what has come and is not yet read: pipelined requests, too
  bool first_ = true;
};

void Session::drop() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    if (self->phase() == Phase::idle || self->phase() == Phase::lingering) self->stream_.close();
  });
}

void Session::interrupt() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    if (self->phase() == Phase::receiving) self->stream_.cancel();
  });
}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  const Connections::Entry listed(service_.connections, self);
  try {
    if (!co_await greet()) co_return;
    while (co_await serve_one()) enter(Phase::idle);
  } catch (const boost::system::system_error&) {  // it broke off while we wrote
  } catch (const std::exception& error) {
    log().error("a connection ended with an unexpected error of type {}", typeid(error).name());
  }
}

// Whoever does not speak TLS, plain HTTP most likely, is closed in good order.
asio::awaitable<bool> Session::greet() {
  stream_.expires_after(service_.options.handshake_timeout);
  const error_code error = co_await stream_.handshake();
  if (!error) co_return true;
  log().debug("no TLS with {}: {}", unmapped(address_).to_string(), error.message());
  co_await linger();
  co_return false;
}

asio::awaitable<bool> Session::serve_one() {
  Exchange exchange;
  const error_code header_error = co_await read_header(exchange.parser);
  if (header_error && !is_http_error(header_error)) co_return false;
  enter(Phase::working);
  exchange.began = Clock::now();
  exchange.asker = asker_of(exchange.parser.get());
  // A header that cannot be read whole names nobody: its last fields, the nearest proxy's, are
  // missing.
  exchange.peer = service_.proxies.client_of(
      address_, header_error ? ForwardedHeaders() : forwarded_headers(exchange.parser.get()));
  const Metrics::InFlight counted(service_.metrics);
  std::optional<Reply> reply = co_await answer(exchange, header_error);
  enter(Phase::working);
  note_served(exchange, reply ? reply->status : 499, reply ? reply->body.size() : 0,
              service_.metrics);
  if (!reply) co_return false;
  if (exchange.events && exchange.parser.get().method() == http::verb::get) {
    co_await stream(exchange, *std::move(reply));
    co_await linger();
    co_return false;
  }
  const bool keep_alive = !header_error && exchange.parser.is_done() && !service_.stopping &&
                          exchange.parser.get().keep_alive();
  co_await write(exchange, *std::move(reply), keep_alive);
  if (!keep_alive) {
    co_await linger();
  }
  co_return keep_alive;
}

asio::awaitable<error_code> Session::read_header(Parser& parser) {
  parser.header_limit(service_.options.header_bytes);
  parser.body_limit(boost::none);  // UploadForm counts
  if (!std::exchange(first_, false) && buffer_.size() == 0) {
    buffer_.shrink_to_fit();
    stream_.expires_after(service_.options.idle_timeout);
    const auto [error, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kNoThrow);
    if (error) co_return error;
    buffer_.commit(count);
  }
  stream_.expires_after(service_.options.header_timeout);
  const auto [error, count] = co_await http::async_read_header(stream_, buffer_, parser, kNoThrow);
  co_return error;
}

// One of the three places where errors are caught. No reply: the client is gone.
asio::awaitable<std::optional<Reply>> Session::answer(Exchange& exchange, error_code header_error) {
  std::optional<Error> failed;
  try {
    require_read(header_error);
    co_return co_await route(exchange);
  } catch (const Error& error) {
    failed = error;
  } catch (const std::bad_alloc&) {
    failed = Error(Code::internal, "The service ran out of memory.");
  } catch (const std::exception& error) {
    log().error("a request met an unexpected error of type {}", typeid(error).name());
    failed = Error(Code::internal, "An error of the service, not of the request.");
  }
  service_.metrics.failed(failed->code());
  if (failed->code() == Code::cancelled) co_return std::nullopt;
  co_return failure_of(exchange, *failed, service_.jobs);
}

asio::awaitable<Reply> Session::route(Exchange& exchange) {
  const Header& header = exchange.parser.get();
  const Target target = split_target(view(header.target()));
  exchange.route = route_of(target.path);
  if (std::optional<Reply> allowed = preflight(exchange, service_.cors))
    co_return *std::move(allowed);
  require_allowed(exchange.route, view(header.method_string()));
  co_await admit(exchange);
  require_plain_body(exchange.parser);
  if (exchange.route == Route::predict) {
    co_return co_await predict(exchange, target.query);
  }
  if (exchange.route >= Route::studies && exchange.route <= Route::study_events) {
    co_return co_await studies(exchange, target);
  }
  const std::string_view accept = view(header[http::field::accept]);
  if (!looks_at_disk(exchange.route)) co_return answer_get(exchange.route, service_, accept);
  Reply reply;
  co_await on_disk(service_.disk, [&] { reply = answer_get(exchange.route, service_, accept); });
  co_return reply;
}

asio::awaitable<void> Session::admit(Exchange& exchange) {
  const Header& header = exchange.parser.get();
  const Access access = access_of(exchange.route, view(header.method_string()));
  const std::string_view key =
      presented_key(view(header[http::field::authorization]), view(header["X-API-Key"]));
  std::optional<Error> refused;
  try {
    exchange.identity = service_.gate.identify(access, key, exchange.peer);
  } catch (const Error& error) {
    refused = error;
  }
  if (refused && refused->code() == Code::unauthenticated && !key.empty()) {
    co_await record_refused_key(exchange);
  }
  if (refused) throw Error(*refused);
  require_scope(exchange.identity, access);
  exchange.viewer = {exchange.identity.id, exchange.identity.scopes.has(Scope::admin),
                     exchange.peer.ip};
}

// Guesses beyond FailedAttempts' limit are not recorded: they would fill the history.
asio::awaitable<void> Session::record_refused_key(const Exchange& exchange) {
  log_event(spdlog::level::warn, "key_refused",
            {{"request_id", exchange.asker.request_id}, {"client", exchange.peer.ip}});
  co_await on_disk(service_.disk, [&] {
    try {
      service_.store.note_refused_key(exchange.peer.ip, std::string(name_of(exchange.route)));
    } catch (const Error& error) {
      log().error("history: a refused key could not be recorded: {}", error.what());
    }
  });
}

asio::awaitable<Reply> Session::studies(Exchange& exchange, const Target& target) {
  if (exchange.parser.get().method() == http::verb::post) {
    co_return co_await post(exchange, target.query);
  }
  Reply reply;
  co_await on_disk(service_.disk, [&] {
    reply = answer_study(service_.store, service_.studies, {exchange.viewer, exchange.asker},
                         view(exchange.parser.get().method_string()), target, exchange.events);
  });
  co_return reply;
}

// Everything that can be refused is refused before the upload is taken.
asio::awaitable<Submission> Session::take(Exchange& exchange, const std::string& query,
                                          Jobs::Place& place) {
  const Parameters asked = Parameters::from_query(query);
  const Header& header = exchange.parser.get();
  const std::string boundary = required_boundary(header);
  const uint64_t limit = service_.options.limits.upload_bytes;
  const uint64_t coming = exchange.parser.content_length().value_or(0);
  if (coming > limit + UploadForm::kOverhead) refuse_too_large(limit);
  std::string key = stored_key(view(header["Idempotency-Key"]));
  Quota::Slot turn = take_turn(service_.client_studies, exchange.identity, exchange.peer);
  place = service_.jobs.reserve();
  co_await on_disk(service_.disk, [&] { service_.spool.require_space(coming); });
  co_await say_continue(header);
  Upload upload = co_await receive(exchange, boundary, place);
  upload.parameters.merge(asked);
  Submission submission = make_submission(std::move(upload), service_.options);
  submission.request.request_id = exchange.asker.request_id;
  submission.turn = std::move(turn);
  submission.wish.key = std::move(key);
  submission.owner = exchange.viewer.owner;
  submission.client = exchange.viewer.client;
  co_return submission;
}

asio::awaitable<void> Session::say_continue(const Header& header) {
  if (lower(view(header[http::field::expect])) != "100-continue") co_return;
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_.expires_after(service_.options.idle_timeout);
  const auto [error, count] =
      co_await asio::async_write(stream_, asio::buffer(kContinue), kNoThrow);
  if (error) client_gone();
}

asio::awaitable<Upload> Session::receive(Exchange& exchange, const std::string& boundary,
                                         Jobs::Place& place) {
  enter(Phase::receiving);
  const FormOnDisk form(
      new UploadForm(boundary, service_.spool, service_.options.limits.upload_bytes),
      DisposeOnDisk{&service_.disk});
  buffer_.reserve(std::max(buffer_.size(), kChunk));
  std::string chunk(kChunk, '\0');
  while (!exchange.parser.is_done()) {
    const std::size_t count = co_await read_body(exchange, chunk);
    co_await on_disk(service_.disk, [&] { form->feed(std::string_view(chunk).substr(0, count)); });
    place.progress(count);
  }
  std::optional<Upload> upload;
  co_await on_disk(service_.disk, [&] { upload = form->finish(); });
  enter(Phase::working);
  co_return *std::move(upload);
}

/// The next bytes of the body; waits for no more than what has come.
asio::awaitable<std::size_t> Session::read_body(Exchange& exchange, std::string& chunk) {
  if (service_.stopping) {
    throw Error(Code::shutting_down, "The service is shutting down; try again in a while.");
  }
  auto& body = exchange.parser.get().body();
  body.data = chunk.data();
  body.size = chunk.size();
  stream_.expires_after(service_.options.idle_timeout);
  const auto [error, ignored] =
      co_await http::async_read_some(stream_, buffer_, exchange.parser, kNoThrow);
  const std::size_t count = chunk.size() - body.size;
  exchange.received += count;
  if (service_.stopping && error == asio::error::operation_aborted) co_return 0;
  if (error != http::error::need_buffer) require_read(error);
  require_speed(service_.options, exchange.received, exchange.seconds());
  co_return count;
}

asio::awaitable<Reply> Session::post(Exchange& exchange, const std::string& query) {
  Jobs::Place place;
  Submission submission = co_await take(exchange, query, place);
  submission.wish.fresh = submission.upload.parameters.fresh().value_or(false);
  Reply reply;
  co_await on_disk(service_.disk, [&] {
    const auto accepted = service_.studies.accept(std::move(place), std::move(submission));
    reply = accepted_study(service_.studies, {exchange.viewer, exchange.asker}, accepted.study.id);
  });
  co_return reply;
}

asio::awaitable<Reply> Session::predict(Exchange& exchange, const std::string& query) {
  Jobs::Place place;
  Submission submission = co_await take(exchange, query, place);
  submission.wish.fresh = submission.upload.parameters.fresh().value_or(true);
  submission.attached = true;
  Line waiting = line();
  const Waited waited = co_await wait_for_study(waiting, std::move(place), std::move(submission));
  Reply reply = answer_of(waited.study, exchange.asker);
  if (waited.known) reply.headers.emplace_back("X-CTCLIP-From-History", "true");
  co_return reply;
}

asio::awaitable<void> Session::stream(Exchange& exchange, Reply reply) {
  dress(exchange, service_.cors, stream_.secure(), reply);
  co_await send(head_of(reply, exchange.parser.get().version() == 10 ? 10 : 11));
  Line events = line();
  co_await send_events(events, *exchange.events);
}

// Lent while one of our coroutines waits.
Line Session::line() {
  return {service_, stream_.get_executor(), [this] { return client_left(); },
          [this](std::string bytes) { return send(std::move(bytes)); }};
}

asio::awaitable<void> Session::send(std::string bytes) {
  stream_.expires_after(service_.options.idle_timeout);
  co_await asio::async_write(stream_, asio::buffer(bytes), asio::use_awaitable);
}

// Asked of the socket rather than read from it: a pipelined request may be waiting there. A client
// that has closed only its sending side counts as gone, as with most servers.
bool Session::client_left() {
  pollfd asked{stream_.socket().native_handle(), POLLRDHUP, 0};
  return poll(&asked, 1, 0) > 0 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

asio::awaitable<void> Session::write(const Exchange& exchange, Reply reply, bool keep_alive) {
  const Header& header = exchange.parser.get();
  const bool head = header.method() == http::verb::head;
  const unsigned version = header.version() == 10 ? 10 : 11;
  dress(exchange, service_.cors, stream_.secure(), reply);
  stream_.expires_after(service_.options.idle_timeout);
  co_await beast::async_write(stream_, to_http(std::move(reply), version, keep_alive, head),
                              asio::use_awaitable);
}

// A client that is still sending must not find the connection reset before it has read its answer:
// our side is closed, and what comes is thrown away for a while.
asio::awaitable<void> Session::linger() {
  enter(Phase::lingering);
  stream_.expires_after(5s);
  co_await stream_.end_sending();
  const auto began = Clock::now();
  while (Clock::now() - began < (service_.stopping ? 2s : 30s)) {
    stream_.expires_after(5s);
    if (co_await stream_.discard_some()) break;
  }
}

}  // namespace

asio::awaitable<void> serve_connection(Accepted accepted, Service& service) {
  const auto session = std::make_shared<Session>(std::move(accepted), service);
  co_await session->run();
}

}  // namespace ctclip
