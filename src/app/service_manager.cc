#include "app/service_manager.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <utility>

#include "base/descriptor.h"

namespace ctclip::app {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets any
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::chrono::microseconds watchdog_period() {
  const std::string_view text = variable("WATCHDOG_USEC");
  int64_t period = 0;
  std::from_chars(text.data(), text.data() + text.size(), period);
  return std::chrono::microseconds(std::max<int64_t>(period, 0));
}

// What systemd compares a reload's beginning with.
int64_t monotonic_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

ServiceManager::ServiceManager()
    : socket_(variable("NOTIFY_SOCKET")), watchdog_(watchdog_period()) {}

void ServiceManager::tell(const std::string& state) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::copy(socket_.begin(), socket_.end(), address.sun_path);
  if (socket_[0] == '@') address.sun_path[0] = '\0';  // an abstract one
  const Descriptor descriptor(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (descriptor.get() < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // A manager that does not listen is no reason not to serve, nor to wait long.
  const timeval limit{1, 0};
  setsockopt(descriptor.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  (void)sendto(descriptor.get(), state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size);
}

void ServiceManager::ready(std::string_view status) const {
  tell("READY=1\nSTATUS=" + std::string(status));
}

void ServiceManager::stopping() const { tell("STOPPING=1\nSTATUS=finishing accepted studies"); }

void ServiceManager::reloading(const std::function<void()>& read) const {
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_microseconds()));
  read();
  tell("READY=1");
}

void ServiceManager::watch(std::function<bool()> alive) {
  if (socket_.empty() || watchdog_.count() == 0) return;
  watcher_ = std::jthread([this, alive = std::move(alive)](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ended;
    while (!stop.stop_requested()) {
      if (alive()) tell("WATCHDOG=1");
      std::unique_lock lock(mutex);
      ended.wait_for(lock, stop, watchdog_ / 2, [] { return false; });
    }
  });
}

}  // namespace ctclip::app
