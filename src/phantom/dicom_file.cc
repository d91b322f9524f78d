#include "phantom/dicom_file.h"

#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/dcmjpls/djrparam.h>
#include <fmt/format.h>

#include <array>
#include <memory>

#include "base/error.h"
#include "phantom/jpeg2000_encode.h"
#include "study/dcmtk_setup.h"

namespace ctclip::phantom {
namespace {

struct Syntax {
  std::string_view name;
  E_TransferSyntax syntax;
};
constexpr std::array kSyntaxes = {
    Syntax{"implicit", EXS_LittleEndianImplicit},
    Syntax{"explicit", EXS_LittleEndianExplicit},
    Syntax{"bigendian", EXS_BigEndianExplicit},
    Syntax{"deflated", EXS_DeflatedLittleEndianExplicit},
    Syntax{"rle", EXS_RLELossless},
    Syntax{"jpeg-lossless", EXS_JPEGProcess14SV1},
    Syntax{"jpeg-lossless-57", EXS_JPEGProcess14},
    Syntax{"jpegls", EXS_JPEGLSLossless},
    Syntax{"jpeg2000", EXS_JPEG2000LosslessOnly},
};

void require(const OFCondition& condition, std::string_view doing) {
  if (condition.good()) return;
  throw Error(Code::internal, fmt::format("DCMTK, {}: {}", doing, condition.text()));
}

bool register_encoders() {
  set_up_dcmtk();
  DcmRLEEncoderRegistration::registerCodecs();
  // A lossless copy is the same image: it keeps its UID.
  DJEncoderRegistration::registerCodecs(ECC_lossyYCbCr, EUC_never);
  DJLSEncoderRegistration::registerCodecs(0, 0, 0, 0, OFTrue, 0, OFTrue, EJLSUC_never);
  return true;
}

int64_t number(DcmDataset& dataset, const DcmTagKey& tag) {
  Uint16 value = 0;
  require(dataset.findAndGetUint16(tag, value), "reading a number");
  return value;
}

/// The pixels as numbers, without the bits that are not stored.
std::vector<int32_t> stored_pixels(DcmDataset& dataset, bool is_signed) {
  const Uint16* words = nullptr;
  unsigned long count = 0;
  require(dataset.findAndGetUint16Array(DCM_PixelData, words, &count), "reading pixels");
  std::vector<int32_t> pixels(words, words + count);
  if (!is_signed) return pixels;
  for (int32_t& pixel : pixels) pixel = static_cast<int16_t>(pixel);
  return pixels;
}

/// An empty offset table and one fragment.
std::unique_ptr<DcmPixelSequence> encapsulated(std::vector<std::byte> stream) {
  if (stream.size() % 2 != 0) stream.push_back(std::byte{0});
  auto sequence = std::make_unique<DcmPixelSequence>(DcmTag(DCM_PixelData, EVR_OB));
  for (const auto& bytes : {std::vector<std::byte>{}, std::move(stream)}) {
    auto item = std::make_unique<DcmPixelItem>(DcmTag(DCM_Item, EVR_OB));
    if (!bytes.empty()) {
      require(item->putUint8Array(reinterpret_cast<const Uint8*>(bytes.data()), bytes.size()),
              "storing a codestream");
    }
    require(sequence->insert(item.get()), "adding a fragment");
    static_cast<void>(item.release());  // the sequence owns it now
  }
  return sequence;
}

void compress_jpeg2000(DcmDataset& dataset) {
  const bool is_signed = number(dataset, DCM_PixelRepresentation) != 0;
  std::vector<std::byte> stream = encode_jpeg2000(
      stored_pixels(dataset, is_signed), number(dataset, DCM_Rows), number(dataset, DCM_Columns),
      static_cast<int>(number(dataset, DCM_BitsStored)), is_signed);
  auto pixels = std::make_unique<DcmPixelData>(DcmTag(DCM_PixelData, EVR_OB));
  pixels->putOriginalRepresentation(EXS_JPEG2000LosslessOnly, nullptr,
                                    encapsulated(std::move(stream)).release());
  require(dataset.insert(pixels.get(), OFTrue), "storing pixels");
  static_cast<void>(pixels.release());
}

void choose_representation(DcmDataset& dataset, E_TransferSyntax syntax) {
  const DJ_RPLossless jpeg;
  const DJLSRepresentationParameter jpegls(0, OFTrue);
  const DcmRepresentationParameter* parameter = nullptr;
  if (syntax == EXS_JPEGProcess14SV1 || syntax == EXS_JPEGProcess14) parameter = &jpeg;
  if (syntax == EXS_JPEGLSLossless) parameter = &jpegls;
  if (syntax == EXS_JPEG2000LosslessOnly) {
    compress_jpeg2000(dataset);
  } else {
    require(dataset.chooseRepresentation(syntax, parameter), "compressing pixels");
  }
}

}  // namespace

std::vector<std::string> transfer_syntaxes() {
  std::vector<std::string> names;
  names.reserve(kSyntaxes.size());
  for (const Syntax& syntax : kSyntaxes) names.emplace_back(syntax.name);
  return names;
}

E_TransferSyntax transfer_syntax(std::string_view name) {
  for (const Syntax& syntax : kSyntaxes) {
    if (syntax.name == name) return syntax.syntax;
  }
  throw Error(Code::usage, fmt::format("There is no transfer syntax \"{}\", only {}.", name,
                                       transfer_syntax_list()));
}

std::string transfer_syntax_list() {
  std::string list;
  for (const Syntax& syntax : kSyntaxes)
    list += (list.empty() ? "" : ", ") + std::string(syntax.name);
  return list;
}

void put_pixels(DcmDataset& dataset, const PixelFormat& format, std::span<const int16_t> hu,
                int64_t rows, int64_t columns) {
  const auto put = [&](const DcmTagKey& tag, int64_t value) {
    require(dataset.putAndInsertUint16(tag, static_cast<Uint16>(value)), "setting a number");
  };
  put(DCM_SamplesPerPixel, 1);
  put(DCM_Rows, rows);
  put(DCM_Columns, columns);
  put(DCM_BitsAllocated, 16);
  put(DCM_BitsStored, format.bits_stored);
  put(DCM_HighBit, format.bits_stored - 1);
  put(DCM_PixelRepresentation, format.is_signed ? 1 : 0);
  require(dataset.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2"),
          "setting the colour");
  std::vector<Uint16> cells(hu.size());
  for (std::size_t i = 0; i < hu.size(); ++i) {
    cells[i] = static_cast<Uint16>(hu[i] - format.intercept);
  }
  require(dataset.putAndInsertUint16Array(DCM_PixelData, cells.data(), cells.size()),
          "storing pixels");
}

std::vector<std::byte> encode_file(DcmFileFormat& file, E_TransferSyntax syntax) {
  static const bool registered = register_encoders();
  static_cast<void>(registered);
  choose_representation(*file.getDataset(), syntax);
  require(file.validateMetaInfo(syntax), "making the meta header");
  std::vector<std::byte> bytes(file.calcElementLength(syntax, EET_ExplicitLength) + 4096);
  DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  file.transferInit();
  require(file.write(stream, syntax, EET_ExplicitLength, nullptr, EGL_recalcGL, EPD_withoutPadding),
          "writing a file");
  file.transferEnd();
  stream.flush();  // the rest of what zlib holds, where the syntax is deflated
  void* written = nullptr;
  offile_off_t size = 0;
  stream.flushBuffer(written, size);
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace ctclip::phantom
