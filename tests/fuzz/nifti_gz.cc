// NIfTI through gzip. The input is compressed here, so that its bytes can be mutated without a
// checksum in the way; target `nifti` has the damaged streams.

#include <zlib.h>

#include <string>

#include "fuzz/fuzz.h"
#include "fuzz/nifti.h"

namespace {

std::string gzipped(std::span<const uint8_t> bytes) {
  z_stream stream = {};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (deflateInit2(&stream, 1, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
  std::string in(ctclip::fuzz::as_text(bytes));
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
  const std::string file = gzipped({data, size});
  ctclip::fuzz::read_volume({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  return 0;
}
