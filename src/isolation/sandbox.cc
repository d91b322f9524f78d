#include "isolation/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <system_error>

#include "base/error.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CTCLIP_SHADOW_MEMORY
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CTCLIP_SHADOW_MEMORY
#endif

namespace ctclip::isolation {
namespace {

/// glibc's malloc reserves address space for the arena of a thread, twice 64 MiB while it aligns
/// it.
constexpr uint64_t kArena = uint64_t{128} << 20;
/// Three standard ones, three of ours, a copy of the input's for zlib, some to spare.
constexpr rlim_t kDescriptors = 16;

std::string reason(int error) { return std::generic_category().message(error); }

/// What anything that computes needs; none of it reaches beyond the process. sysinfo: glibc's qsort
/// asks how much memory there is.
constexpr std::array kAlways = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(futex_time64),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrandom),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sysinfo),
};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (!context_) fail(ENOMEM);
    // Threads that exist already get the filter, too. A kernel that cannot do that has no seccomp.
    all_threads_ = seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  }

  void allow(int call, std::initializer_list<scmp_arg_cmp> where = {}) {
    check(seccomp_rule_add_array(context_.get(), SCMP_ACT_ALLOW, call,
                                 static_cast<unsigned>(where.size()), where.begin()));
  }

  /// 0, or a negated errno.
  int load() { return all_threads_ != 0 ? all_threads_ : seccomp_load(context_.get()); }

 private:
  struct Release {
    void operator()(void* context) const { seccomp_release(context); }
  };
  [[noreturn]] static void fail(int error) {
    throw Error(Code::internal, "The sandbox cannot be made: " + reason(error) + ".");
  }
  static void check(int status) {
    if (status != 0) fail(-status);
  }

  std::unique_ptr<void, Release> context_;
  int all_threads_ = 0;  ///< status as of `load`
};

scmp_arg_cmp argument(unsigned index, uint64_t value) { return {index, SCMP_CMP_EQ, value, 0}; }

int filter_calls(int socket, int volume) {
  Filter filter;
  for (const int call : kAlways) filter.allow(call);
  const scmp_arg_cmp not_executable = {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  filter.allow(SCMP_SYS(mmap), {not_executable});
  filter.allow(SCMP_SYS(mmap2), {not_executable});
  filter.allow(SCMP_SYS(mprotect), {not_executable});
  // To the other end of the socket, and to no address.
  filter.allow(SCMP_SYS(sendto), {argument(0, static_cast<uint64_t>(socket)), argument(4, 0)});
  filter.allow(SCMP_SYS(ftruncate), {argument(0, static_cast<uint64_t>(volume))});
  filter.allow(SCMP_SYS(fcntl), {argument(1, F_DUPFD_CLOEXEC)});
  filter.allow(SCMP_SYS(fcntl64), {argument(1, F_DUPFD_CLOEXEC)});
  filter.allow(SCMP_SYS(tgkill), {argument(0, static_cast<uint64_t>(getpid()))});  // abort
  return filter.load();
}

/// `more`: by how much the hard limit lies above; only processor time has a signal for each.
void limit(decltype(RLIMIT_AS) resource, rlim_t most, rlim_t more = 0) {
  rlimit now{};
  if (getrlimit(resource, &now) == 0) {
    now.rlim_max = std::min(now.rlim_max, most + more);
    now.rlim_cur = std::min(now.rlim_max, most);
    if (setrlimit(resource, &now) == 0) return;
  }
  throw Error(Code::internal,
              "The limits of a process that reads studies cannot be set: " + reason(errno) + ".");
}

/// Of this process, from the first field of statm, in pages.
[[maybe_unused]] uint64_t address_space() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void limit_resources(const Allowance& allowance) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, allowance.file_bytes);
  limit(RLIMIT_CPU, allowance.seconds, 1);
  limit(RLIMIT_NOFILE, kDescriptors);
#ifndef CTCLIP_SHADOW_MEMORY
  limit(RLIMIT_AS, address_space() + allowance.memory +
                       static_cast<uint64_t>(std::max(allowance.threads, 1)) * kArena);
#endif
}

std::string close_sandbox(int socket, int volume) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    throw Error(Code::internal, "Privileges cannot be given up: " + reason(errno) + ".");
  }
  const int status = filter_calls(socket, volume);
  return status == 0 ? "" : reason(-status);
}

}  // namespace ctclip::isolation
