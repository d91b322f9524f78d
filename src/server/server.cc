#include "server/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "history/store.h"
#include "server/caretaker.h"
#include "server/connections.h"
#include "server/jobs.h"
#include "server/listener.h"
#include "server/measured_analyser.h"
#include "server/session.h"
#include "server/spool.h"
#include "server/state_folder.h"
#include "server/studies.h"

namespace ctclip {
namespace {

constexpr int kDiskThreads = 2;
/// Studies that are read and prepared while `jobs` others compute (Pipeline::compute_at_once): the
/// first of those that wait, so that as many are accepted as ever.
int read_ahead(const ServerOptions& options) { return std::min(options.queue, options.read_ahead); }

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
        gate_(options_.api_keys),
        client_connections_(options_.client_connections),
        client_studies_(options_.client_studies),
        cors_(options_.cors_origins),
        proxies_(options_.trusted_proxies),
        tls_(open_tls(options_)),
        studies_(options_, store_, spool_, jobs_),
        jobs_(options_.jobs + read_ahead(options_), options_.queue - read_ahead(options_),
              Jobs::kLease, options_.study_time),
        disk_(kDiskThreads),
        service_{options_,        spool_,   jobs_,    store_,    studies_,
                 connections_,    metrics_, disk_,    gate_,     client_connections_,
                 client_studies_, cors_,    proxies_, tls_.get()},
        listener_(context_, service_),
        caretaker_(studies_) {
    studies_.recover();
    listener_.start();
    if (!gate_.has_keys() && !listener_.on_loopback()) {
      log().warn(
          "other machines may reach this service, and it asks nobody for a key: --api-keys "
          "names those who may use it");
    }
  }

  uint16_t port() const { return listener_.port(); }
  std::string url() const {
    const bool bare_v6 = options_.host.find(':') != std::string::npos;
    return fmt::format("{}://{}:{}", tls_ ? "https" : "http",
                       bare_v6 ? "[" + options_.host + "]" : options_.host, port());
  }
  Jobs& jobs() { return jobs_; }

  Metrics& metrics() { return metrics_; }

  std::size_t run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < std::max(options_.io_threads, 1); ++i) {
      threads.emplace_back([this] { context_.run(); });
    }
    wait_for_stop();
    const std::size_t cut_off =
        jobs_.drain(std::chrono::steady_clock::now() + options_.stop_timeout);
    const auto deadline = std::chrono::steady_clock::now() + kLastWords;
    while (!connections_.all_idle() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    context_.stop();
    for (std::thread& thread : threads) thread.join();
    disk_.join();
    return cut_off;
  }

  bool responsive(std::chrono::milliseconds limit) {
    if (context_.stopped()) return false;
    const auto came = std::make_shared<std::promise<void>>();
    boost::asio::post(context_, [came] { came->set_value(); });
    return came->get_future().wait_for(limit) == std::future_status::ready;
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

  std::vector<Server::Reread> rereads() {
    std::vector<Server::Reread> all;
    if (gate_.has_keys()) all.push_back({"API keys", [this] { gate_.reload(); }});
    if (tls_) all.push_back({"TLS certificate and key", [this] { tls_->reload(); }});
    return all;
  }

 private:
  static std::unique_ptr<Tls> open_tls(const ServerOptions& options) {
    if (options.tls_certificate.empty() && options.tls_key.empty()) return nullptr;
    return std::make_unique<Tls>(options.tls_certificate, options.tls_key);
  }

  void wait_for_stop() {
    std::unique_lock lock(mutex_);
    stopped_.wait(lock, [this] { return service_.stopping.load(); });
  }

  const ServerOptions options_;
  Metrics metrics_;
  const StateFolder state_;
  history::Store store_;
  Spool spool_;
  Gate gate_;
  Quota client_connections_, client_studies_;
  const Cors cors_;
  const TrustedProxies proxies_;
  const std::unique_ptr<Tls> tls_;
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
  impl_->jobs().set_analyser(
      std::make_shared<MeasuredAnalyser>(std::move(analyser), impl_->metrics()));
}
std::size_t Server::run() { return impl_->run(); }
bool Server::responsive(std::chrono::milliseconds limit) { return impl_->responsive(limit); }
void Server::stop() { impl_->stop(); }
std::vector<Server::Reread> Server::rereads() { return impl_->rereads(); }
std::string Server::url() const { return impl_->url(); }

}  // namespace ctclip
