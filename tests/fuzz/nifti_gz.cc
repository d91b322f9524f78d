// NIfTI through gzip. The input is compressed here, so that its bytes can be mutated without a
// checksum in the way; target `nifti` has the damaged streams.

#include "fuzz/deflate.h"
#include "fuzz/fuzz.h"
#include "fuzz/nifti.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  const std::string file = fuzz::deflated(fuzz::as_text({data, size}), fuzz::kGzip);
  fuzz::read_volume({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  return 0;
}
