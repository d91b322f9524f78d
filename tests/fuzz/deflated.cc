// Deflated DICOM. The input is the data set, which is deflated here so that its bytes can be
// mutated; where its first byte is odd, the rest is the deflate stream itself.

#include <zlib.h>

#include <stdexcept>

#include "fuzz/dicom.h"

namespace {

std::string deflated(std::string_view bytes) {
  z_stream stream = {};
  if (deflateInit2(&stream, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  std::string in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  if (size == 0) return 0;
  const std::string_view rest = fuzz::as_text({data + 1, size - 1});
  const std::string head = testing::DicomBuilder("1.2.840.10008.1.2.1.99").bytes();
  fuzz::decode_everything(head + (data[0] % 2 != 0 ? std::string(rest) : deflated(rest)));
  return 0;
}
