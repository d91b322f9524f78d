#include "isolation/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace ctclip::isolation {
namespace {

/// What a reader is told of the environment: where its libraries and its dictionary are, and how a
/// sanitizer is to behave. Nothing that could be a secret of the service.
constexpr std::array kPassedOn = {"LD_LIBRARY_PATH", "DCMDICTPATH",  "ASAN_OPTIONS",
                                  "UBSAN_OPTIONS",   "TSAN_OPTIONS", "LSAN_OPTIONS"};

/// Set in every reader, so that none starts readers of its own: a program that takes the reader's
/// command for something else would start itself again and again.
constexpr const char* kReader = "CTCLIP_READER";

[[noreturn]] void cannot_start(int error) {
  throw Error(Code::internal, fmt::format("The process that reads studies cannot be started: {}.",
                                          std::generic_category().message(error)));
}

void check(int error) {
  if (error != 0) cannot_start(error);
}

/// A copy beyond every number that is written to in the child, where it could be overwritten before
/// its turn.
Descriptor lifted(int file) {
  Descriptor copy(fcntl(file, F_DUPFD_CLOEXEC, kVolume + 1));
  if (copy.get() < 0) cannot_start(errno);
  return copy;
}

class FileActions {
 public:
  FileActions() { check(posix_spawn_file_actions_init(&actions_)); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void open_nothing(int target) {
    check(posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", O_RDWR, 0));
  }
  void give(int file, int target) {
    check(posix_spawn_file_actions_adddup2(&actions_, file, target));
  }
  /// Libraries open descriptors that stay open in a child; nothing above `first` does.
  void close_from(int first) { check(posix_spawn_file_actions_addclosefrom_np(&actions_, first)); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

/// Signals that mean the service (a terminal's, a service manager's to the whole group) leave the
/// reader alone: accepted studies are finished first. What the service ignores is not ignored here.
class Attributes {
 public:
  Attributes() {
    check(posix_spawnattr_init(&attributes_));
    sigset_t blocked, all;
    sigemptyset(&blocked);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&blocked, signal);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &blocked);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> environment() {
  std::vector<std::string> variables = {fmt::format("{}=1", kReader)};
  for (const char* name : kPassedOn) {
    if (const char* value = std::getenv(name))
      variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (std::string& string : strings) all.push_back(string.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

ChildProcess::ChildProcess(const std::filesystem::path& program, int socket, int input,
                           int volume) {
  if (std::getenv(kReader) != nullptr) cannot_start(EDEADLK);
  const std::array given = {lifted(socket), lifted(input), lifted(volume)};
  FileActions actions;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    actions.open_nothing(standard);
  }
  actions.give(given[0].get(), kSocket);
  actions.give(given[1].get(), kInput);
  actions.give(given[2].get(), kVolume);
  actions.close_from(kVolume + 1);
  const Attributes attributes;
  std::vector<std::string> arguments = {"ctclip", kReaderCommand}, variables = environment();
  check(posix_spawn(&id_, program.c_str(), actions.get(), attributes.get(),
                    pointers(arguments).data(), pointers(variables).data()));
}

ChildProcess::~ChildProcess() {
  kill();
  wait();
}

void ChildProcess::kill() {
  if (id_ > 0) ::kill(id_, SIGKILL);
}

int ChildProcess::wait() {
  while (id_ > 0) {
    if (waitpid(id_, &status_, 0) < 0 && errno == EINTR) continue;
    id_ = -1;
  }
  return status_;
}

std::string describe_end(int status) {
  if (WIFEXITED(status)) return fmt::format("with exit status {}", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  const char* name = sigdescr_np(signal);
  return fmt::format("by signal {} ({})", signal, name != nullptr ? name : "unknown");
}

}  // namespace ctclip::isolation
