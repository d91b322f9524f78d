// safetensors whose JSON header is the input, behind its length and before as many bytes of
// tensors as its first byte says, times four.

#include <string>

#include "fuzz/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  if (size == 0) return 0;
  std::string file;
  for (std::size_t i = 0; i < 8; ++i) file += static_cast<char>((size - 1) >> (8 * i) & 0xFF);
  file += fuzz::as_text({data + 1, size - 1});
  file += std::string(std::size_t{4} * data[0], '\x3f');
  fuzz::read_checkpoint({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  return 0;
}
