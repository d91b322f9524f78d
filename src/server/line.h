#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <string>

#include "server/event_stream.h"
#include "server/session.h"
#include "server/studies.h"

namespace ctclip {

/// What a connection lends to an answer that takes its time. Used on the connection's strand.
struct Line {
  Service& service;
  boost::asio::any_io_executor strand;
  std::function<bool()> client_left;
  std::function<boost::asio::awaitable<void>(std::string)> send;
};

/// Runs what may wait for a disk elsewhere, and comes back to the strand. Throws what `work` does.
boost::asio::awaitable<void> on_disk(boost::asio::thread_pool& disk, std::function<void()> work);

/// What became of a study that its client waits for.
struct Waited {
  history::Study study;
  bool known = false;  ///< it was there before
};
/// Accepts a study and waits for its end. Throws what Studies::accept does, and Error{cancelled}
/// when the client has gone, which the study notices.
boost::asio::awaitable<Waited> wait_for_study(Line& line, Jobs::Place place, Submission submission);

/// Sends events until the study ends, the client leaves or the service stops.
boost::asio::awaitable<void> send_events(Line& line, EventStream& events);

}  // namespace ctclip
