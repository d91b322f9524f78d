#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace ctclip::app {

/// Tells systemd how the service fares, by the datagrams of sd_notify(3), where it asked to be told
/// (NOTIFY_SOCKET); else it does nothing. Thread-safe.
class ServiceManager {
 public:
  /// Reads NOTIFY_SOCKET and WATCHDOG_USEC.
  ServiceManager();

  void ready(std::string_view status) const;
  void stopping() const;
  /// Around what SIGHUP does: RELOADING=1, then `read`, then READY=1.
  void reloading(const std::function<void()>& read) const;

  /// Keeps the watchdog of the unit quiet for as long as `alive` says so, which it asks twice in
  /// each of the watchdog's periods, on a thread that ends with the object.
  void watch(std::function<bool()> alive);

 private:
  void tell(const std::string& state) const;

  std::string socket_;
  std::chrono::microseconds watchdog_{0};
  std::jthread watcher_;
};

}  // namespace ctclip::app
