// A ZIP or a single DICOM file: its entries, the headers, and the pixels of every valid slice.

#include "fuzz/fuzz.h"
#include "study/slice.h"

namespace {

// Small, so that what is slow or large by the input's own word is refused and not waited for.
ctclip::Limits small_limits() {
  ctclip::Limits limits;
  limits.inflated_bytes = 1 << 22;
  limits.entries = 64;
  limits.header_bytes = 1 << 16;
  limits.max_matrix = 256;
  return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static ThreadPool pool(1);
  static const Limits kLimits = small_limits();
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] {
    const auto source = open_source(file.path(), kLimits);
    Watch watch;
    const Contents contents = scan(*source, kLimits, pool, watch);
    for (const Slice& slice : contents.slices) {
      if (!slice.defect.empty()) continue;
      const Slice* const one = &slice;
      fuzz::may_refuse([&] {
        decode(*source, {&one, 1}, kLimits, [](std::size_t, std::span<const float>) {});
      });
    }
  });
  return 0;
}
