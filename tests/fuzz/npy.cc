// NumPy's array files: as many values as the shape says, whatever it says.

#include "base/npy.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] {
    const NpyArray array = read_npy(file.path());
    if (static_cast<int64_t>(array.values.size()) != element_count(array.shape)) std::abort();
  });
  return 0;
}
