#include "bench/worker.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

namespace ctclip::bench {
namespace {

using Clock = std::chrono::steady_clock;

const Clock::time_point started = Clock::now();

void say(const nlohmann::json& line) { std::cout << line.dump() << std::endl; }

double since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

nlohmann::json timed(const std::function<nlohmann::json()>& work) {
  const auto began = Clock::now();
  const double cpu = cpu_seconds();
  nlohmann::json line = work();
  line["seconds"] = since(began);
  line["cpu_seconds"] = cpu_seconds() - cpu;
  return line;
}

}  // namespace

double peak_memory_gib() {
  // Not getrusage: its figure outlives exec, so it would be that of the script where that is
  // larger.
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    double kib = 0;
    status >> kib;
    return kib / (1 << 20);
  }
  throw std::runtime_error("/proc/self/status: no VmHWM");
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void serve(const Worker& worker) {
  nlohmann::json ready = worker.facts;
  ready["ready"] = true;
  ready["start_seconds"] = since(started);
  say(ready);
  for (std::string command; std::getline(std::cin, command);) {
    if (command == "round") {
      say(timed(worker.round));
    } else if (command == "outcome" && worker.outcome) {
      say(worker.outcome());
    } else {
      throw std::runtime_error(fmt::format("'{}' is no command of this worker", command));
    }
  }
  say({{"peak_memory_gib", peak_memory_gib()}});
}

}  // namespace ctclip::bench
