// Pickled LightGBM models, plain and compressed.

#include "checkpoint/joblib.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] { read_pickled_lightgbm(file.path()); });
  return 0;
}
