#include "server/connections.h"

#include <algorithm>
#include <utility>

namespace ctclip {

void Connections::add(std::shared_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  open_.push_back(std::move(connection));
}

void Connections::remove(const Connection* connection) {
  const std::lock_guard lock(mutex_);
  std::erase_if(open_, [connection](const auto& one) { return one.get() == connection; });
}

std::size_t Connections::size() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

bool Connections::drop_idlest() {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Connection>* idlest = nullptr;
  for (const auto& one : open_) {
    const Phase phase = one->phase();
    if (phase != Phase::idle && phase != Phase::lingering) continue;
    if (idlest == nullptr || one->since() < (*idlest)->since()) idlest = &one;
  }
  if (idlest == nullptr) return false;
  (*idlest)->drop();
  open_.erase(open_.begin() + (idlest - open_.data()));
  return true;
}

void Connections::interrupt_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& one : open_) one->interrupt();
}

bool Connections::all_idle() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(open_.begin(), open_.end(),
                     [](const auto& one) { return one->phase() == Phase::idle; });
}

}  // namespace ctclip
