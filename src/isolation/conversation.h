#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/descriptor.h"
#include "isolation/channel.h"
#include "isolation/child_process.h"

namespace ctclip::isolation {

/// Logs `what` and throws Error{read_crashed}.
[[noreturn]] void refuse_nonsense(const char* what);

/// What is no UID (base/uid.h) is taken out, whoever wrote it: these are stored and answered.
StudyFacts with_uids_only(StudyFacts facts);

/// The service's side of one reader's life: starts it, gives it its request, follows its stages,
/// and judges its end. For one thread.
class Conversation {
 public:
  /// Throws Error{internal} where no reader can be started.
  Conversation(const std::filesystem::path& program, int input, int volume, const Request& request,
               std::chrono::milliseconds time);

  /// Why there is no seccomp filter; empty where there is one. Throws as `follow`.
  std::string await_ready(Watch& watch);
  /// Until its answer, at which it is killed: it has nothing more to say. Throws
  /// Error{read_crashed, read_out_of_memory, read_timeout, cancelled}; what the reader refuses,
  /// with `facts`; and std::runtime_error for an error of the program in it.
  Answer follow(Watch& watch, StudyFacts& facts);

 private:
  Frame next(Watch& watch);
  [[noreturn]] void judge_end();
  [[noreturn]] void refuse(const Frame& frame, StudyFacts* facts);
  void show(const Progress& progress, Watch& watch);

  Descriptor socket_;
  std::optional<ChildProcess> reader_;
  Inbox inbox_;
  std::chrono::milliseconds time_;
  std::chrono::steady_clock::time_point deadline_;
  std::string name_of_stage_;
  std::optional<Watch::Stage> stage_;
};

}  // namespace ctclip::isolation
