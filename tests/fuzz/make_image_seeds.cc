// Writes seeds for the targets of pixel data: one small image by every encoder that is at hand.
// Usage: make_image_seeds CORPUS. Not a test: tests/fuzz/make_seeds.py calls it.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpls/djencode.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "phantom/jpeg2000_encode.h"
#include "study_testing.h"

namespace {

namespace fs = std::filesystem;
using ctclip::testing::DicomBuilder;

constexpr int kRows = 16, kColumns = 24;

/// A disc with a soft edge on a slope: something for every predictor to get wrong.
std::vector<int32_t> image(int bits) {
  std::vector<int32_t> pixels;
  for (int y = 0; y < kRows; ++y) {
    for (int x = 0; x < kColumns; ++x) {
      const double inside = std::hypot(x - 11.0, y - 7.0) < 5 ? 0.5 : 0.1;
      pixels.push_back(
          static_cast<int32_t>((inside + 0.01 * x + 0.002 * (x * y % 7)) * (1 << bits)));
    }
  }
  return pixels;
}

std::string native_cells(int bits) {
  std::string cells;
  for (const int32_t pixel : image(bits)) {
    cells += bits > 8 ? DicomBuilder::u16(pixel) : std::string(1, static_cast<char>(pixel));
  }
  return cells;
}

void put(DcmDataset& dataset, const DcmTagKey& tag, int value) {
  dataset.putAndInsertUint16(tag, static_cast<Uint16>(value));
}

/// The one fragment that DCMTK makes of the image; empty where it has no such encoder.
std::string encoded(E_TransferSyntax syntax, int bits) {
  DcmDataset dataset;
  put(dataset, DCM_SamplesPerPixel, 1);
  dataset.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2");
  put(dataset, DCM_Rows, kRows);
  put(dataset, DCM_Columns, kColumns);
  put(dataset, DCM_BitsAllocated, bits > 8 ? 16 : 8);
  put(dataset, DCM_BitsStored, bits);
  put(dataset, DCM_HighBit, bits - 1);
  put(dataset, DCM_PixelRepresentation, 0);
  dataset.putAndInsertString(DCM_SOPClassUID, UID_CTImageStorage);
  dataset.putAndInsertString(DCM_SOPInstanceUID, "1.2.3");
  const std::string cells = native_cells(bits);
  dataset.putAndInsertUint8Array(DCM_PixelData, reinterpret_cast<const Uint8*>(cells.data()),
                                 cells.size());
  if (dataset.chooseRepresentation(syntax, nullptr).bad()) return {};
  DcmElement* element = nullptr;
  dataset.findAndGetElement(DCM_PixelData, element);
  DcmPixelSequence* sequence = nullptr;
  E_TransferSyntax found = EXS_Unknown;
  const DcmRepresentationParameter* parameter = nullptr;
  auto* pixels = static_cast<DcmPixelData*>(element);
  pixels->getOriginalRepresentationKey(found, parameter);
  if (pixels->getEncapsulatedRepresentation(syntax, nullptr, sequence).bad()) return {};
  DcmPixelItem* fragment = nullptr;
  Uint8* bytes = nullptr;
  if (sequence->getItem(fragment, 1).bad() || fragment->getUint8Array(bytes).bad()) return {};
  return {reinterpret_cast<const char*>(bytes), fragment->getLength()};
}

std::string jpeg2000(int bits) {
  const auto bytes = ctclip::phantom::encode_jpeg2000(image(bits), kRows, kColumns, bits, false);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What codec.h reads before a codestream: syntax, rows, columns, bits stored, flags.
std::string codec_head(int syntax, int bits) {
  return {static_cast<char>(syntax),           kRows - 1, kColumns - 1, static_cast<char>(bits - 1),
          static_cast<char>(bits > 8 ? 0 : 1), 0};
}

/// What pixel_data.cc reads: syntax, rows, columns, cells, bits stored, high bit, frames.
std::string frame_head(int syntax, int bits, int frames) {
  return {static_cast<char>(syntax),
          kRows - 1,
          kColumns - 1,
          static_cast<char>(bits > 8 ? 0 : 1),
          static_cast<char>(bits - 1),
          0,
          static_cast<char>(frames - 1)};
}

std::string encapsulated(const std::vector<std::string>& fragments, const std::string& table) {
  std::string bytes = "OB" + DicomBuilder::u16(0) + DicomBuilder::u32(0xFFFFFFFF);
  bytes += DicomBuilder::item(table);
  for (const std::string& fragment : fragments) bytes += DicomBuilder::item(fragment);
  return bytes + DicomBuilder::u16(0xFFFE) + DicomBuilder::u16(0xE0DD) + DicomBuilder::u32(0);
}

std::string native(const std::string& cells) {
  return "OW" + DicomBuilder::u16(0) + DicomBuilder::u32(static_cast<uint32_t>(cells.size())) +
         cells;
}

struct Kind {
  const char* target;
  const char* name;
  E_TransferSyntax syntax;
  int in_codec, in_frames;  ///< numbers of the syntax in codec.h's and pixel_data.cc's lists
  int bits;
};
constexpr Kind kKinds[] = {
    {"rle", "rle12", EXS_RLELossless, 0, 1, 12},
    {"rle", "rle8", EXS_RLELossless, 0, 1, 8},
    {"jpeg", "baseline", EXS_JPEGProcess1, 0, 2, 8},
    {"jpeg", "extended", EXS_JPEGProcess2_4, 1, 3, 12},
    {"jpeg", "spectral", EXS_JPEGProcess6_8, 2, 3, 12},
    {"jpeg", "progressive", EXS_JPEGProcess10_12, 3, 3, 12},
    {"jpeg", "lossless", EXS_JPEGProcess14, 4, 4, 12},
    {"jpeg", "lossless8", EXS_JPEGProcess14SV1, 5, 5, 8},
    {"jpeg", "lossless16", EXS_JPEGProcess14SV1, 5, 5, 16},
    {"jpeg_ls", "lossless", EXS_JPEGLSLossless, 0, 6, 12},
    {"jpeg_ls", "lossless8", EXS_JPEGLSLossless, 0, 6, 8},
    {"jpeg_ls", "near", EXS_JPEGLSLossy, 1, 7, 12},
};

void write(const fs::path& corpus, const std::string& target, const std::string& name,
           const std::string& bytes) {
  ctclip::testing::write_file(corpus / target / (name + ".bin"), bytes);
}

void write_frames(const fs::path& corpus, const std::string& name, int syntax, int bits,
                  const std::string& stream) {
  const std::string two =
      DicomBuilder::u32(0) +
      DicomBuilder::u32(static_cast<uint32_t>(8 + stream.size() + stream.size() % 2));
  write(corpus, "pixel_data", name, frame_head(syntax, bits, 1) + encapsulated({stream}, ""));
  write(corpus, "pixel_data", name + "_2",
        frame_head(syntax, bits, 2) + encapsulated({stream, stream}, two));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const fs::path corpus = argv[1];
  DcmRLEEncoderRegistration::registerCodecs();
  DJEncoderRegistration::registerCodecs();
  DJLSEncoderRegistration::registerCodecs();
  for (const Kind& kind : kKinds) {
    const std::string stream = encoded(kind.syntax, kind.bits);
    if (stream.empty()) continue;
    write(corpus, kind.target, kind.name, codec_head(kind.in_codec, kind.bits) + stream);
    write_frames(corpus, kind.name, kind.in_frames, kind.bits, stream);
  }
  for (const int bits : {8, 12, 16}) {
    const std::string name = "lossless" + std::to_string(bits);
    write(corpus, "jpeg2000", name, codec_head(0, bits) + jpeg2000(bits));
    write_frames(corpus, "jpeg2000_" + name, 8, bits, jpeg2000(bits));
    const std::string cells = native_cells(bits);
    write(corpus, "pixel_data", "native" + std::to_string(bits),
          frame_head(0, bits, 1) + native(cells));
    write(corpus, "pixel_data", "native" + std::to_string(bits) + "_2",
          frame_head(0, bits, 2) + native(cells + cells));
  }
  ctclip::testing::CtHeader header;
  header.rows = kRows;
  header.columns = kColumns;
  const std::string meta = DicomBuilder().bytes();
  const std::string file = ctclip::testing::ct_header(header).bytes() + DicomBuilder::u16(0x7FE0) +
                           DicomBuilder::u16(0x0010) + native(native_cells(12));
  write(corpus, "deflated", "slice", std::string(1, '\0') + file.substr(meta.size()));
  write(corpus, "dicom", "slice", file);
  DJLSEncoderRegistration::cleanup();
  DJEncoderRegistration::cleanup();
  DcmRLEEncoderRegistration::cleanup();
  return 0;
}
