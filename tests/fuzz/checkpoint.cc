// PyTorch and safetensors files: opening one, and reading every tensor that it names.

#include "checkpoint/checkpoint.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] {
    const auto checkpoint = Checkpoint::open(file.path());
    for (const std::string& name : checkpoint->names()) {
      fuzz::may_refuse([&] { checkpoint->read(name); });
    }
    fuzz::may_refuse([&] { checkpoint->strings("target_pathologies"); });
  });
  return 0;
}
