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
#include "server/connections.h"
#include "server/jobs.h"
#include "server/listener.h"
#include "server/session.h"
#include "server/spool.h"

namespace ctclip {
namespace {

constexpr int kDiskThreads = 2;
/// Studies that are read and prepared while `jobs` others compute (Pipeline::compute_at_once): the
/// first of those that wait, so that as many are accepted as ever.
int read_ahead(const ServerOptions& options) { return std::min(options.queue, 1); }

constexpr std::chrono::seconds kLastWords{5};  ///< for answers to go out after the last study

}  // namespace

// The members stand in the order in which they need each other: coroutines, which the context
// destroys, hold places, uploads and connections.
class Server::Impl {
 public:
  explicit Impl(ServerOptions options)
      : options_(std::move(options)),
        spool_(options_.spool, options_.disk_reserve),
        jobs_(options_.jobs + read_ahead(options_), options_.queue - read_ahead(options_)),
        disk_(kDiskThreads),
        service_{options_, spool_, jobs_, connections_, disk_},
        listener_(context_, service_) {
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
  Spool spool_;
  Jobs jobs_;
  Connections connections_;
  boost::asio::thread_pool disk_;
  Service service_;
  boost::asio::io_context context_;
  Listener listener_;
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
