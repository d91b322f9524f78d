// A ZIP or a single DICOM file: its entries, the headers, and the pixels of every valid slice.

#include "fuzz/dicom.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static const Limits kLimits = fuzz::small_limits();
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] { fuzz::decode_slices(*open_source(file.path(), kLimits), kLimits); });
  return 0;
}
