#include "study/jpeg2000.h"

#include <fmt/format.h>
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "study/codestream.h"

namespace ctclip {
namespace {

/// The bytes that OpenJPEG's stream callbacks walk over.
struct Cursor {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T read_bytes(void* out, OPJ_SIZE_T wanted, void* user) {
  auto& cursor = *static_cast<Cursor*>(user);
  const std::size_t count = std::min<std::size_t>(wanted, cursor.bytes.size() - cursor.at);
  if (count == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(out, cursor.bytes.data() + cursor.at, count);
  cursor.at += count;
  return count;
}

OPJ_OFF_T skip_bytes(OPJ_OFF_T count, void* user) {
  auto& cursor = *static_cast<Cursor*>(user);
  if (count < 0) return -1;
  const auto left = static_cast<OPJ_OFF_T>(cursor.bytes.size() - cursor.at);
  const OPJ_OFF_T moved = std::min(count, left);
  cursor.at += static_cast<std::size_t>(moved);
  return moved == 0 && count > 0 ? -1 : moved;
}

OPJ_BOOL seek_bytes(OPJ_OFF_T position, void* user) {
  auto& cursor = *static_cast<Cursor*>(user);
  if (position < 0 || static_cast<uint64_t>(position) > cursor.bytes.size()) return OPJ_FALSE;
  cursor.at = static_cast<std::size_t>(position);
  return OPJ_TRUE;
}

/// What OpenJPEG says of a stream that it decodes all the same.
void note_warning(const char* message, void* user) {
  auto& first = *static_cast<std::string*>(user);
  if (first.empty()) first.assign(message, std::min<std::size_t>(std::strlen(message), 200));
  while (first.ends_with('\n')) first.pop_back();
}

template <auto Destroy>
struct Destroyer {
  template <typename Handle>
  void operator()(Handle* handle) const {
    Destroy(handle);
  }
};
// OpenJPEG's streams and codecs are both typedefs of void*.
using Stream = std::unique_ptr<opj_stream_t, Destroyer<opj_stream_destroy>>;
using Codec = std::unique_ptr<opj_codec_t, Destroyer<opj_destroy_codec>>;
using Image = std::unique_ptr<opj_image_t, Destroyer<opj_image_destroy>>;

Stream open_stream(Cursor& cursor) {
  Stream stream(opj_stream_default_create(OPJ_TRUE));
  if (!stream) throw std::runtime_error("OpenJPEG has no memory");
  opj_stream_set_user_data(stream.get(), &cursor, nullptr);
  opj_stream_set_user_data_length(stream.get(), cursor.bytes.size());
  opj_stream_set_read_function(stream.get(), read_bytes);
  opj_stream_set_skip_function(stream.get(), skip_bytes);
  opj_stream_set_seek_function(stream.get(), seek_bytes);
  return stream;
}

Codec open_codec(std::span<const std::byte> bytes, std::string& warning) {
  constexpr unsigned char kJp2Signature[] = {0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50, 0x20, 0x20};
  const bool is_jp2 = bytes.size() >= sizeof(kJp2Signature) &&
                      std::memcmp(bytes.data(), kJp2Signature, sizeof(kJp2Signature)) == 0;
  Codec codec(opj_create_decompress(is_jp2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
  if (codec) opj_set_warning_handler(codec.get(), note_warning, &warning);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  if (!codec || opj_setup_decoder(codec.get(), &parameters) == OPJ_FALSE) {
    throw std::runtime_error("OpenJPEG cannot be set up");
  }
  return codec;
}

void require_size(const opj_image_t& image, int32_t rows, int32_t columns) {
  if (image.numcomps != 1) {
    throw std::runtime_error(fmt::format("a JPEG 2000 stream with {} components", image.numcomps));
  }
  const opj_image_comp_t& component = image.comps[0];
  if (component.w != static_cast<uint32_t>(columns) || component.h != static_cast<uint32_t>(rows)) {
    throw std::runtime_error(
        fmt::format("expected {} x {} pixels, found a JPEG 2000 stream of "
                    "{} x {}",
                    rows, columns, component.h, component.w));
  }
  if (component.prec < 1 || component.prec > 16) {
    throw std::runtime_error(fmt::format("a JPEG 2000 stream of {} bits", component.prec));
  }
}

}  // namespace

Jpeg2000Image decode_jpeg2000(std::span<const std::byte> bytes, int32_t rows, int32_t columns) {
  constexpr uint64_t kMostTiles = 4096;  // the largest matrix in tiles of 64 x 64
  const uint64_t tiles = jpeg2000_tiles(bytes).value_or(0);
  if (tiles == 0) throw std::runtime_error("no JPEG 2000 header");
  if (tiles > kMostTiles) throw std::runtime_error(fmt::format("{} tiles", tiles));
  Cursor cursor{bytes};
  std::string warning;
  const Codec codec = open_codec(bytes, warning);
  const Stream stream = open_stream(cursor);
  opj_image_t* header = nullptr;
  const OPJ_BOOL has_header = opj_read_header(stream.get(), codec.get(), &header);
  const Image image(header);
  if (has_header == OPJ_FALSE || !image) throw std::runtime_error("no JPEG 2000 header");
  require_size(*image, rows, columns);
  if (opj_decode(codec.get(), stream.get(), image.get()) == OPJ_FALSE ||
      opj_end_decompress(codec.get(), stream.get()) == OPJ_FALSE) {
    throw std::runtime_error("a damaged JPEG 2000 stream");
  }
  if (!warning.empty()) {
    throw std::runtime_error(fmt::format("a damaged JPEG 2000 stream ({})", warning));
  }
  require_size(*image, rows, columns);
  const opj_image_comp_t& component = image->comps[0];
  if (component.data == nullptr) throw std::runtime_error("an empty JPEG 2000 stream");
  const std::size_t count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  return {std::vector<int32_t>(component.data, component.data + count),
          static_cast<int32_t>(component.prec), component.sgnd != 0};
}

}  // namespace ctclip
