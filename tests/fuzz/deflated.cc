// Deflated DICOM. The input is the data set, which is deflated here so that its bytes can be
// mutated; where its first byte is odd, the rest is the deflate stream itself.

#include "fuzz/deflate.h"
#include "fuzz/dicom.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  if (size == 0) return 0;
  const std::string_view rest = fuzz::as_text({data + 1, size - 1});
  const std::string head = testing::DicomBuilder("1.2.840.10008.1.2.1.99").bytes();
  fuzz::decode_everything(
      head + (data[0] % 2 != 0 ? std::string(rest) : fuzz::deflated(rest, fuzz::kRaw)));
  return 0;
}
