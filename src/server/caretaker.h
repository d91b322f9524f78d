#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace ctclip {

class Studies;

/// A thread that looks after what was accepted, now and then, until the object goes.
class Caretaker {
 public:
  explicit Caretaker(Studies& studies);

 private:
  void run(const std::stop_token& stop);

  Studies& studies_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  ///< last: it uses the others
};

}  // namespace ctclip
