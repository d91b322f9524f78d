#include "checkpoint/inflate.h"

#include <bzlib.h>
#include <fmt/format.h>
#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <string>
#include <utility>

#include "checkpoint/model_file.h"

namespace ctclip {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kFirstSize = std::size_t{1} << 20U;
/// xz of the highest level asks for 65 MiB.
constexpr uint64_t kLzmaMemory = uint64_t{128} << 20U;

/// What an unpacker did with the room it was given.
enum class Step { more, end, damaged };

/// Grows `out` as the bytes come; `unpack` fills what it is given and tells how much.
template <typename Unpack>
Bytes unpack_all(const ModelFile& file, uint64_t limit, const char* what, Unpack unpack) {
  Bytes out(std::min<uint64_t>(kFirstSize, limit));
  std::size_t size = 0;
  while (true) {
    std::size_t written = 0;
    const Step step = unpack(std::span(out).subspan(size), written);
    size += written;
    if (step == Step::damaged || (step == Step::more && size < out.size())) {
      file.refuse(fmt::format("has a damaged or cut {} stream after {} bytes", what, size));
    }
    if (step == Step::end) break;
    if (out.size() >= limit) {
      file.refuse(fmt::format("unpacks to more than {} bytes", limit));
    }
    out.resize(std::min<uint64_t>(limit, out.size() * 2));
  }
  out.resize(size);
  return out;
}

/// zlib and gzip.
Bytes unpack_deflate(const ModelFile& file, Bytes& packed, uint64_t limit) {
  z_stream stream = {};
  if (inflateInit2(&stream, MAX_WBITS + 32) != Z_OK) file.refuse("cannot be unpacked by zlib");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  return unpack_all(file, limit, "zlib", [&](std::span<std::byte> out, std::size_t& written) {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    written = out.size() - stream.avail_out;
    if (result == Z_STREAM_END) return Step::end;
    return result == Z_OK || result == Z_BUF_ERROR ? Step::more : Step::damaged;
  });
}

Bytes unpack_bzip2(const ModelFile& file, Bytes& packed, uint64_t limit) {
  bz_stream stream = {};
  if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) file.refuse("cannot be unpacked by bzip2");
  const std::unique_ptr<bz_stream, int (*)(bz_stream*)> guard(&stream, BZ2_bzDecompressEnd);
  stream.next_in = reinterpret_cast<char*>(packed.data());
  stream.avail_in = static_cast<unsigned>(packed.size());
  return unpack_all(file, limit, "bzip2", [&](std::span<std::byte> out, std::size_t& written) {
    stream.next_out = reinterpret_cast<char*>(out.data());
    stream.avail_out = static_cast<unsigned>(out.size());
    const int result = BZ2_bzDecompress(&stream);
    written = out.size() - stream.avail_out;
    if (result == BZ_STREAM_END) return Step::end;
    return result == BZ_OK ? Step::more : Step::damaged;
  });
}

/// xz and the older lzma.
Bytes unpack_lzma(const ModelFile& file, Bytes& packed, uint64_t limit) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_auto_decoder(&stream, kLzmaMemory, 0) != LZMA_OK) {
    file.refuse("cannot be unpacked by lzma");
  }
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&stream, lzma_end);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  return unpack_all(file, limit, "lzma", [&](std::span<std::byte> out, std::size_t& written) {
    stream.next_out = reinterpret_cast<uint8_t*>(out.data());
    stream.avail_out = out.size();
    const lzma_ret result = lzma_code(&stream, LZMA_FINISH);
    written = out.size() - stream.avail_out;
    if (result == LZMA_STREAM_END) return Step::end;
    return result == LZMA_OK || result == LZMA_BUF_ERROR ? Step::more : Step::damaged;
  });
}

bool begins(const Bytes& bytes, std::string_view magic) {
  return bytes.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin(), [](char expected, std::byte found) {
           return static_cast<std::byte>(expected) == found;
         });
}

/// Two bytes, divisible by 31 together (RFC 1950); 0x78 is the only method and window in use.
bool is_zlib(const Bytes& bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x78} &&
         (0x7800U + std::to_integer<unsigned>(bytes[1])) % 31 == 0;
}

}  // namespace

std::vector<std::byte> read_unpacked(const std::filesystem::path& path, uint64_t limit) {
  const ModelFile file(path);
  if (file.size() > limit) {
    file.refuse(fmt::format("has {} bytes, expected {} at most", file.size(), limit));
  }
  Bytes bytes(file.size());
  file.read(0, bytes);
  if (is_zlib(bytes) || begins(bytes, "\x1f\x8b")) return unpack_deflate(file, bytes, limit);
  if (begins(bytes, "BZh")) return unpack_bzip2(file, bytes, limit);
  if (begins(bytes,
             "\xfd"
             "7zXZ"))
    return unpack_lzma(file, bytes, limit);
  if (begins(bytes, std::string_view("\x5d\0\0", 3))) return unpack_lzma(file, bytes, limit);
  if (begins(bytes, "\x04\x22\x4d\x18")) {
    file.refuse("is compressed with lz4; expected plain, zlib, gzip, bz2, xz or lzma");
  }
  return bytes;
}

}  // namespace ctclip
