#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/descriptor.h"

namespace ctclip::isolation {

/// The word that makes this executable a reader of one study, and where that finds what it was
/// given. Not for users: `main` looks for it before anything else.
constexpr const char* kReaderCommand = "read-study";
constexpr int kSocket = 3, kInput = 4, kVolume = 5;

/// A reader: started with three descriptors and /dev/null as its standard ones, a clean environment
/// and no other descriptor, whatever this process has open. Killed and reaped with the object. The
/// thread that starts it must live as long: the kernel kills a reader with it.
class ChildProcess {
 public:
  /// Throws Error{internal} where it cannot be started. May be called by a process of many threads.
  ChildProcess(const std::filesystem::path& program, int socket, int input, int volume);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void kill();
  /// Blocks until it has ended; its status as of waitpid.
  int wait();

 private:
  pid_t id_ = -1;
  int status_ = 0;
};

/// "by signal 11 (Segmentation fault)", "with exit status 1"
std::string describe_end(int status);

}  // namespace ctclip::isolation
