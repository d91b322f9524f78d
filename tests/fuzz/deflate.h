#pragma once

#include <zlib.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace ctclip::fuzz {

constexpr int kRaw = -MAX_WBITS;
constexpr int kGzip = 16 + MAX_WBITS;

/// Compressed here, so that the bytes themselves can be mutated.
inline std::string deflated(std::string_view bytes, int window_bits) {
  z_stream stream = {};
  if (deflateInit2(&stream, 1, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    std::abort();
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  std::string in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace ctclip::fuzz
