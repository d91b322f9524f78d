// NIfTI files, plain and gzip.

#include "study/nifti.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  Limits limits;
  limits.inflated_bytes = 1 << 22;
  limits.max_matrix = 256;
  limits.max_voxels = 1 << 20;
  const fuzz::MemoryFile file({data, size});
  Watch watch;
  fuzz::may_refuse([&] { read_nifti(file.path(), limits, watch); });
  return 0;
}
