// NIfTI files, plain and gzip.

#include "fuzz/nifti.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  ctclip::fuzz::read_volume({data, size});
  return 0;
}
