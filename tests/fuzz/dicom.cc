// One DICOM file in memory: the header as far as PixelData, and the pixels of what says that it is
// an image.

#include "fuzz/dicom.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  fuzz::decode_everything(std::string(fuzz::as_text({data, size})));
  return 0;
}
