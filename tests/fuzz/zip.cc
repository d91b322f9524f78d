// A ZIP archive by itself: its directory, and every entry to its end. The limits must hold whatever
// the directory claims.

#include <array>
#include <cstdlib>
#include <memory>

#include "fuzz/fuzz.h"
#include "study/zip_source.h"

namespace {

uint64_t read_to_end(const ctclip::Source& source, std::size_t file) {
  uint64_t total = 0;
  ctclip::fuzz::may_refuse([&] {
    const auto stream = source.open(file);
    std::array<std::byte, 4096> buffer;
    while (const std::size_t got = stream->read(buffer)) total += got;
  });
  return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  Limits limits;
  limits.inflated_bytes = 1 << 22;
  limits.entries = 64;
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] {
    const auto source = open_zip(std::make_shared<const InputFile>(file.path()), limits);
    uint64_t total = 0;
    for (std::size_t i = 0; i < source->size(); ++i) {
      const uint64_t bytes = read_to_end(*source, i);
      if (bytes > source->claimed_size(i) || source->label(i).empty()) std::abort();
      total += bytes;
    }
    if (source->size() > limits.entries || total > limits.inflated_bytes) std::abort();
  });
  return 0;
}
