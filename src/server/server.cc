#include "server/server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "history/store.h"
#include "server/caretaker.h"
#include "server/connections.h"
#include "server/jobs.h"
#include "server/listener.h"
#include "server/session.h"
#include "server/spool.h"
#include "server/state_folder.h"
#include "server/studies.h"

namespace ctclip {
namespace {

constexpr int kDiskThreads = 2;
constexpr std::chrono::seconds kLastWords{5};  ///< for answers to go out after the last study

/// Uploads of accepted studies stay; where the history was damaged and nobody knows what they are,
/// they are put beside it.
Leftovers leftovers(const history::Store& store) {
  const auto kept = store.uploads();
  return {{kept.begin(), kept.end()}, store.set_aside()};
}

}  // namespace

// The members stand in the order in which they need each other: coroutines, which the context
// destroys, hold places, uploads and connections.
class Server::Impl {
 public:
  explicit Impl(ServerOptions options)
      : options_(std::move(options)),
        state_(options_),
        store_(state_.history()),
        spool_(state_.spool(), options_.disk_reserve, leftovers(store_)),
        studies_(options_, store_, spool_, jobs_),
        jobs_(options_.jobs, options_.queue),
        disk_(kDiskThreads),
        service_{options_, spool_, jobs_, store_, studies_, connections_, disk_},
        listener_(context_, service_),
        caretaker_(studies_) {
    studies_.recover();
    listener_.start();
  }

  uint16_t port() const { return listener_.port(); }
  Jobs& jobs() { return jobs_; }

  void run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < std::max(options_.io_threads, 1); ++i) {
      threads.emplace_back([this] { context_.run(); });
    }
    wait_for_stop();
    jobs_.drain();
    const auto deadline = std::chrono::steady_clock::now() + kLastWords;
    while (!connections_.all_idle() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    context_.stop();
    for (std::thread& thread : threads) thread.join();
    disk_.join();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      service_.stopping = true;
    }
    jobs_.close();
    connections_.interrupt_all();
    stopped_.notify_all();
  }

 private:
  void wait_for_stop() {
    std::unique_lock lock(mutex_);
    stopped_.wait(lock, [this] { return service_.stopping.load(); });
  }

  const ServerOptions options_;
  const StateFolder state_;
  history::Store store_;
  Spool spool_;
  Studies studies_;
  Jobs jobs_;  // its threads tell the studies, and end before they go
  Connections connections_;
  boost::asio::thread_pool disk_;
  Service service_;
  boost::asio::io_context context_;
  Listener listener_;
  Caretaker caretaker_;
  std::mutex mutex_;
  std::condition_variable stopped_;
};

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Server::~Server() = default;

uint16_t Server::port() const { return impl_->port(); }
void Server::set_analyser(std::shared_ptr<const Analyser> analyser) {
  impl_->jobs().set_analyser(std::move(analyser));
}
void Server::run() { impl_->run(); }
void Server::stop() { impl_->stop(); }

}  // namespace ctclip
