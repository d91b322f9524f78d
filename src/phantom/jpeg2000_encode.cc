#include "phantom/jpeg2000_encode.h"

#include <openjpeg.h>

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace ctclip::phantom {
namespace {

/// What OpenJPEG's stream callbacks write to.
struct Buffer {
  std::vector<std::byte> bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T write_bytes(void* data, OPJ_SIZE_T count, void* user) {
  auto& buffer = *static_cast<Buffer*>(user);
  if (buffer.at + count > buffer.bytes.size()) buffer.bytes.resize(buffer.at + count);
  std::copy_n(static_cast<const std::byte*>(data), count,
              buffer.bytes.begin() + static_cast<std::ptrdiff_t>(buffer.at));
  buffer.at += count;
  return count;
}

OPJ_BOOL seek_bytes(OPJ_OFF_T position, void* user) {
  if (position < 0) return OPJ_FALSE;
  static_cast<Buffer*>(user)->at = static_cast<std::size_t>(position);
  return OPJ_TRUE;
}

OPJ_OFF_T skip_bytes(OPJ_OFF_T count, void* user) {
  auto& buffer = *static_cast<Buffer*>(user);
  return seek_bytes(static_cast<OPJ_OFF_T>(buffer.at) + count, user) == OPJ_TRUE ? count : -1;
}

template <auto Destroy>
struct Destroyer {
  template <typename Handle>
  void operator()(Handle* handle) const {
    Destroy(handle);
  }
};
using Stream = std::unique_ptr<opj_stream_t, Destroyer<opj_stream_destroy>>;
using Codec = std::unique_ptr<opj_codec_t, Destroyer<opj_destroy_codec>>;
using Image = std::unique_ptr<opj_image_t, Destroyer<opj_image_destroy>>;

void require(bool fine) {
  if (!fine) throw Error(Code::internal, "OpenJPEG cannot encode a slice.");
}

Image make_image(std::span<const int32_t> pixels, int64_t rows, int64_t columns, int bits,
                 bool is_signed) {
  opj_image_cmptparm_t shape = {};
  shape.dx = shape.dy = 1;
  shape.w = static_cast<OPJ_UINT32>(columns);
  shape.h = static_cast<OPJ_UINT32>(rows);
  shape.prec = static_cast<OPJ_UINT32>(bits);
  shape.sgnd = is_signed ? 1 : 0;
  Image image(opj_image_create(1, &shape, OPJ_CLRSPC_GRAY));
  require(image != nullptr && image->comps[0].data != nullptr);
  image->x1 = shape.w;
  image->y1 = shape.h;
  std::copy(pixels.begin(), pixels.end(), image->comps[0].data);
  return image;
}

Codec make_codec(opj_image_t& image) {
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1;  // one layer of rate 0: all of it
  parameters.cp_disto_alloc = 1;
  const auto side = std::min(image.x1, image.y1);
  while (parameters.numresolution > 1 && side >> (parameters.numresolution - 1) == 0) {
    --parameters.numresolution;
  }
  Codec codec(opj_create_compress(OPJ_CODEC_J2K));
  require(codec != nullptr && opj_setup_encoder(codec.get(), &parameters, &image) == OPJ_TRUE);
  return codec;
}

Stream make_stream(Buffer& buffer) {
  Stream stream(opj_stream_default_create(OPJ_FALSE));
  require(stream != nullptr);
  opj_stream_set_user_data(stream.get(), &buffer, nullptr);
  opj_stream_set_write_function(stream.get(), write_bytes);
  opj_stream_set_seek_function(stream.get(), seek_bytes);
  opj_stream_set_skip_function(stream.get(), skip_bytes);
  return stream;
}

}  // namespace

std::vector<std::byte> encode_jpeg2000(std::span<const int32_t> pixels, int64_t rows,
                                       int64_t columns, int bits, bool is_signed) {
  const Image image = make_image(pixels, rows, columns, bits, is_signed);
  const Codec codec = make_codec(*image);
  Buffer buffer;
  {
    const Stream stream = make_stream(buffer);
    require(opj_start_compress(codec.get(), image.get(), stream.get()) == OPJ_TRUE);
    require(opj_encode(codec.get(), stream.get()) == OPJ_TRUE);
    require(opj_end_compress(codec.get(), stream.get()) == OPJ_TRUE);
  }
  return std::move(buffer.bytes);
}

}  // namespace ctclip::phantom
