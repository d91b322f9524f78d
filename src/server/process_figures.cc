#include "server/process_figures.h"

#include <sys/resource.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

namespace ctclip {
namespace {

void read_status(ProcessFigures& figures) {
  constexpr uint64_t kKiB = 1024;
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    uint64_t value = 0;
    if (name == "VmRSS:" && status >> value) figures.resident = value * kKiB;
    if (name == "VmHWM:" && status >> value) figures.peak = value * kKiB;
    if (name == "Threads:" && status >> value) figures.threads = value;
    status.ignore(4096, '\n');
  }
}

uint64_t open_descriptors() {
  std::error_code error;
  uint64_t count = 0;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // one of them is the iterator's
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  read_status(figures);
  figures.descriptors = open_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.most_descriptors = limit.rlim_cur;
  timespec spent{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) == 0) {
    figures.cpu_seconds =
        static_cast<double>(spent.tv_sec) + 1e-9 * static_cast<double>(spent.tv_nsec);
  }
  return figures;
}

}  // namespace ctclip
