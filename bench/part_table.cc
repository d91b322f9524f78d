#include "bench/part_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "bench/peak.h"
#include "bench/worker.h"

namespace ctclip::bench {
namespace {

void print_row(const Part& part, double all, double peak) {
  const double rate = part.gflop / part.seconds;
  fmt::print("| {:<48} | {:>9.2f} | {:>5.1f} | {:>7} | {:>5} |\n", part.name, 1e3 * part.seconds,
             100 * part.seconds / all, part.gflop > 0 ? fmt::format("{:.0f}", rate) : "",
             part.gflop > 0 ? fmt::format("{:.0f}", 100 * rate / peak) : "");
}

}  // namespace

double least_cpu_seconds(int calls, const std::function<void()>& call) {
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < calls; ++i) {
    const double began = cpu_seconds();
    call();
    least = std::min(least, cpu_seconds() - began);
  }
  return least;
}

void print_parts(const std::string& title, const std::vector<Part>& parts,
                 nn::Precision precision) {
  Part sum{"all of it", 0, 0};
  for (const Part& part : parts) {
    sum.seconds += part.seconds;
    sum.gflop += part.gflop;
  }
  ThreadPool pool(1);
  const double peak = peak_gflops(pool, precision).thread;
  fmt::print("{}, {}; peak of a thread by the CPU clock: {:.0f} GFLOP/s\n\n", title,
             nn::precision_name(precision), peak);
  fmt::print(
      "| part | CPU ms | % of it | GFLOP/s | % of peak |\n| --- | --- | --- | --- | --- |\n");
  for (const Part& part : parts) print_row(part, sum.seconds, peak);
  print_row(sum, sum.seconds, peak);
  fmt::print("\n");
}

}  // namespace ctclip::bench
