#include "isolation/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <new>
#include <thread>
#include <vector>

namespace ctclip::isolation {
namespace {

constexpr int kRefused = 42;

/// Exit status of a copy of this process that closes its sandbox and then runs `body`.
int in_sandbox(const std::function<int(int socket, int volume)>& body,
               const Allowance& allowance = {uint64_t{1} << 30, 1, 1 << 20, 10}) {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const int volume = memfd_create("volume", 0);
  const pid_t child = fork();
  if (child == 0) {
    limit_resources(allowance);
    if (!close_sandbox(ends[1], volume).empty()) std::_Exit(1);
    std::_Exit(body(ends[1], volume));
  }
  int status = 0;
  waitpid(child, &status, 0);
  for (const int file : {ends[0], ends[1], volume}) close(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// kRefused where the call failed with EPERM.
int refused(long result) { return result == -1 && errno == EPERM ? kRefused : 2; }

TEST(Sandbox, OpensNoFile) {
  EXPECT_EQ(in_sandbox([](int, int) { return refused(open("/etc/hostname", O_RDONLY)); }),
            kRefused);
  EXPECT_EQ(in_sandbox([](int, int) { return refused(open("/proc/self/maps", O_RDONLY)); }),
            kRefused);
  EXPECT_EQ(in_sandbox([](int, int) { return refused(creat("/tmp/ctclip-was-here", 0600)); }),
            kRefused);
  EXPECT_EQ(in_sandbox([](int, int) { return refused(unlink("/tmp/ctclip-was-here")); }), kRefused);
  EXPECT_EQ(in_sandbox([](int, int) { return refused(access("/etc/passwd", F_OK)); }), kRefused);
  EXPECT_EQ(in_sandbox([](int, int) { return refused(memfd_create("more", 0)); }), kRefused);
}

TEST(Sandbox, HasNoNetwork) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}) {
    EXPECT_EQ(in_sandbox([&](int, int) { return refused(socket(family, SOCK_DGRAM, 0)); }),
              kRefused);
  }
  EXPECT_EQ(in_sandbox([](int, int) {
              std::array<int, 2> pair{};
              return refused(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()));
            }),
            kRefused);
}

TEST(Sandbox, StartsNothing) {
  EXPECT_EQ(in_sandbox([](int, int) { return refused(fork()); }), kRefused);
  EXPECT_EQ(in_sandbox([](int, int) {
              std::array<char*, 1> none = {nullptr};
              return refused(execve("/bin/true", none.data(), none.data()));
            }),
            kRefused);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // theirs ends the process
  EXPECT_EQ(in_sandbox([](int, int) {
              try {
                std::thread([] {}).join();
              } catch (const std::system_error& error) {
                return error.code().value() == EPERM ? kRefused : 2;
              }
              return 3;
            }),
            kRefused);
#endif
}

TEST(Sandbox, SeesAndTouchesNoOtherProcess) {
  const pid_t parent = getpid();
  EXPECT_EQ(in_sandbox([=](int, int) { return refused(kill(parent, 0)); }), kRefused);
  EXPECT_EQ(in_sandbox([=](int, int) { return refused(ptrace(PTRACE_ATTACH, parent, 0, 0)); }),
            kRefused);
  EXPECT_EQ(in_sandbox([=](int, int) {
              char byte = 0;
              iovec mine{&byte, 1}, its{&byte, 1};
              return refused(process_vm_readv(parent, &mine, 1, &its, 1, 0));
            }),
            kRefused);
  EXPECT_EQ(in_sandbox([=](int, int) { return refused(syscall(SYS_pidfd_open, parent, 0)); }),
            kRefused);
}

TEST(Sandbox, MakesNoMemoryExecutable) {
  EXPECT_EQ(in_sandbox([](int, int) {
              void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return page == MAP_FAILED && errno == EPERM ? kRefused : 2;
            }),
            kRefused);
  EXPECT_EQ(in_sandbox([](int, int) {
              void* page =
                  mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return refused(mprotect(page, 4096, PROT_READ | PROT_EXEC));
            }),
            kRefused);
}

TEST(Sandbox, WritesToItsSocketAndNowhereElse) {
  EXPECT_EQ(in_sandbox([](int socket, int) { return send(socket, "x", 1, 0) == 1 ? 7 : 2; }), 7);
  EXPECT_EQ(in_sandbox([](int, int) { return refused(write(STDERR_FILENO, "x", 1)); }), kRefused);
  EXPECT_EQ(in_sandbox([](int, int volume) { return refused(write(volume, "x", 1)); }), kRefused);
  EXPECT_EQ(in_sandbox([](int socket, int) { return refused(ftruncate(socket, 1)); }), kRefused);
  EXPECT_EQ(
      in_sandbox([](int socket, int) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        return refused(sendto(socket, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
      }),
      kRefused);
}

TEST(Sandbox, GivesNothingUpAgain) {
  EXPECT_EQ(in_sandbox([](int, int) { return refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }),
            kRefused);
  EXPECT_EQ(in_sandbox([](int, int) {
              const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
              return refused(setrlimit(RLIMIT_AS, &more));
            }),
            kRefused);
}

TEST(Sandbox, HoldsThreadsThatWereThereBefore) {
  EXPECT_EQ(in_sandbox([](int, int) { return 7; }), 7);
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<int> stage = 0;
    std::thread early([&] {
      stage.wait(0);
      std::_Exit(refused(open("/etc/hostname", O_RDONLY)));
    });
    if (!close_sandbox(ends[1], ends[0]).empty()) std::_Exit(1);
    stage = 1;
    stage.notify_all();
    early.join();
    std::_Exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  for (const int file : ends) close(file);
  EXPECT_EQ(WEXITSTATUS(status), kRefused);
}

TEST(Limits, MemoryBeyondTheAllowanceIsNotThere) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const Allowance little{uint64_t{256} << 20, 1, 1 << 20, 10};
  const auto take = [](std::size_t bytes) {
    return [bytes](int, int) {
      return std::unique_ptr<char[]>(new (std::nothrow) char[bytes]) ? 7 : kRefused;
    };
  };
  EXPECT_EQ(in_sandbox(take(std::size_t{200} << 20), little), 7);
  EXPECT_EQ(in_sandbox(take(std::size_t{1} << 30), little), kRefused);
#else
  GTEST_SKIP() << "a sanitizer's address space cannot be bounded";
#endif
}

TEST(Limits, ProcessorTimeAndFileSizeEnd) {
  const Allowance second{uint64_t{1} << 30, 1, 1 << 20, 1};
  EXPECT_EQ(in_sandbox(
                [](int, int) {
                  for (std::atomic<unsigned> spin = 0;;) ++spin;
                  return 2;
                },
                second),
            -SIGXCPU);
  EXPECT_EQ(in_sandbox([](int, int volume) { return ftruncate(volume, 1 << 20) == 0 ? 7 : 2; }), 7);
  EXPECT_EQ(in_sandbox([](int, int volume) { return ftruncate(volume, (1 << 20) + 1); }), -SIGXFSZ);
}

}  // namespace
}  // namespace ctclip::isolation
