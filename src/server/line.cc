#include "server/line.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

namespace asio = boost::asio;
using std::chrono_literals::operator""ms;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr auto kWatchClient = 250ms;  ///< how soon a client's going away is noticed

/// How a runner's thread hands an answer to a connection. Used on the connection's strand only.
struct Answered {
  explicit Answered(const asio::any_io_executor& strand) : timer(strand) {}
  asio::steady_timer timer;
  std::optional<history::Study> study;
};

Studies::Told teller(const std::shared_ptr<Answered>& answered,
                     const asio::any_io_executor& strand) {
  return [answered, strand](const history::Study& study) {
    asio::post(strand, [answered, study] {
      answered->study = study;
      answered->timer.cancel();
    });
  };
}

}  // namespace

asio::awaitable<void> on_disk(asio::thread_pool& disk, std::function<void()> work) {
  const auto run = [](std::function<void()> work) -> asio::awaitable<void> {
    work();
    co_return;
  };
  co_await asio::co_spawn(disk, run(std::move(work)), asio::use_awaitable);
}

asio::awaitable<Waited> wait_for_study(Line& line, Jobs::Place place, Submission submission) {
  Studies& studies = line.service.studies;
  const auto answered = std::make_shared<Answered>(line.strand);
  Studies::Accepted accepted;
  co_await on_disk(line.service.disk, [&] {
    accepted =
        studies.accept(std::move(place), std::move(submission), teller(answered, line.strand));
  });
  while (!answered->study) {
    answered->timer.expires_after(kWatchClient);
    co_await answered->timer.async_wait(kNoThrow);
    if (answered->study || !line.client_left()) continue;
    co_await on_disk(line.service.disk, [&] { studies.leave(accepted); });
    throw Error(Code::cancelled, "The client went away.");
  }
  co_return Waited{*std::move(answered->study), accepted.known};
}

asio::awaitable<void> send_events(Line& line, EventStream& events) {
  asio::steady_timer timer(line.strand);
  for (;;) {
    std::string event;
    co_await on_disk(line.service.disk, [&] { event = events.next(); });
    if (!event.empty()) {
      co_await line.send(std::move(event));
    }
    if (events.ended(line.service.stopping) || line.client_left()) co_return;
    timer.expires_after(EventStream::kLook);
    co_await timer.async_wait(kNoThrow);
  }
}

}  // namespace ctclip
