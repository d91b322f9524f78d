#include "app/reload.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace ctclip::app {

void Reload::on_hangup(std::string what, std::function<void()> read) {
  const std::lock_guard lock(mutex_);
  readers_.emplace_back(std::move(what), std::move(read));
}

void Reload::run() {
  const std::lock_guard lock(mutex_);
  nlohmann::ordered_json reread = nlohmann::ordered_json::array();
  for (const auto& [what, read] : readers_) {
    try {
      read();
      reread.push_back(what);
    } catch (const std::exception& error) {
      log_event(spdlog::level::err, "reload_failed", {{"what", what}, {"reason", error.what()}});
    }
  }
  log_event(spdlog::level::info, "reloaded", {{"read", std::move(reread)}});
}

}  // namespace ctclip::app
