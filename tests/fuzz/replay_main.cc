// A main for fuzz targets in builds without libFuzzer: gives the target every seed, every seed cut
// at some places and every seed with some bytes changed, always the same ones. What must not happen
// is a crash, an exception other than Error (the targets take that one) or a hang.

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

// Damaged copies of all seeds together; a seed gets its share, but no more than is good for one.
constexpr std::size_t kCopies = 8192;
constexpr std::size_t kMostOfOne = 320;

Bytes read_all(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(stream), {});
}

// Out of a copy of exactly its size, so that a sanitizer sees a read beyond the end.
void run(const Bytes& input) {
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

/// A fifth of the copies are cut, the others have bytes changed.
std::size_t replay(const Bytes& seed, std::size_t copies) {
  run(seed);
  std::size_t runs = 1;
  const std::size_t step = seed.size() / (copies / 5 + 1) + 1;
  for (std::size_t size = 0; size < seed.size(); size += step, ++runs) {
    run(Bytes(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  std::mt19937 random(static_cast<uint32_t>(seed.size()));
  for (std::size_t flip = copies / 5; flip < copies && !seed.empty(); ++flip, ++runs) {
    Bytes damaged = seed;
    for (uint32_t i = 0; i <= random() % 4; ++i) {
      damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
    }
    run(damaged);
  }
  return runs;
}

/// As -malloc_limit_mb has it for libFuzzer: memory is taken for what is there, not for claims.
void limit_memory() {
#ifndef __SANITIZE_ADDRESS__
  const rlimit limit = {512 << 20, 512 << 20};
  setrlimit(RLIMIT_DATA, &limit);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  limit_memory();
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  const std::size_t share = kCopies / std::max<std::size_t>(1, files.size());
  std::size_t runs = 0;
  for (const auto& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);  // the last line names the seed that crashed
    runs += replay(read_all(file), std::min(share, kMostOfOne));
  }
  std::printf("%zu seeds, %zu runs\n", files.size(), runs);
  return files.empty() ? 1 : 0;
}
