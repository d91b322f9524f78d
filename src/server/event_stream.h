#pragma once

#include <chrono>
#include <string>

#include "history/store.h"
#include "server/studies.h"
#include "server/study_view.h"

namespace ctclip {

/// One study's way as server-sent events (HTML standard, 9.2): each change of its state, stage,
/// progress or position is an event, whose data is what GET of the study gives. For one thread at a
/// time; what it asks may wait for the disk.
class EventStream {
 public:
  static constexpr std::chrono::milliseconds kLook{250};  ///< how often to ask `next`
  static constexpr std::chrono::seconds kHeartbeat{15};   ///< proxies cut what is silent

  /// Throws Error{not_found, history_unavailable} where there is no such study for the viewer.
  EventStream(history::Store& store, const Studies& studies, std::string id, Reader reader);

  /// Bytes to be sent now; often none. Never throws: a history that cannot be read is silence.
  std::string next();
  /// The study has ended, and `next` has said so; or, where the service is `stopping`, it waits for
  /// another process.
  bool ended(bool stopping) const;

 private:
  void look(std::chrono::steady_clock::time_point now, std::string& event);

  history::Store& store_;
  const Studies& studies_;
  const std::string id_;
  const Reader reader_;
  history::State state_ = history::State::queued;
  bool gone_ = false;
  std::string said_;
  std::chrono::steady_clock::time_point spoke_ = std::chrono::steady_clock::now();
};

}  // namespace ctclip
