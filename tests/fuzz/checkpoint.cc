// PyTorch and safetensors files as they are: opening one, and reading every tensor that it names.

#include "fuzz/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  ctclip::fuzz::read_checkpoint({data, size});
  return 0;
}
