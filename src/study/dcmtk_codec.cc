#include "study/dcmtk_codec.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>

#include <fmt/format.h>

#include <memory>
#include <stdexcept>

#include "study/codestream.h"
#include "study/dcmtk_setup.h"

namespace ctclip {
namespace {

void describe(const FrameShape& shape, DcmItem& dataset) {
  const auto put = [&](const DcmTagKey& tag, int32_t value) {
    dataset.putAndInsertUint16(tag, static_cast<Uint16>(value));
  };
  put(DCM_SamplesPerPixel, 1);
  dataset.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2");
  dataset.putAndInsertString(DCM_NumberOfFrames, "1");
  put(DCM_Rows, shape.rows);
  put(DCM_Columns, shape.columns);
  put(DCM_BitsAllocated, shape.bits_allocated);
  put(DCM_BitsStored, shape.bits_stored);
  put(DCM_HighBit, shape.bits_stored - 1);
  put(DCM_PixelRepresentation, shape.is_signed ? 1 : 0);
}

/// An empty offset table and one fragment.
std::unique_ptr<DcmPixelSequence> encapsulate(std::span<const std::byte> bytes) {
  auto sequence = std::make_unique<DcmPixelSequence>(DcmTag(DCM_PixelData, EVR_OB));
  auto table = std::make_unique<DcmPixelItem>(DcmTag(DCM_Item, EVR_OB));
  auto fragment = std::make_unique<DcmPixelItem>(DcmTag(DCM_Item, EVR_OB));
  fragment->putUint8Array(reinterpret_cast<const Uint8*>(bytes.data()), bytes.size());
  if (sequence->insert(table.get()).good()) static_cast<void>(table.release());
  if (sequence->insert(fragment.get()).good()) static_cast<void>(fragment.release());
  return sequence;
}

void require_no_damage(std::span<const std::byte> bytes, const CodecWarnings& warnings) {
  const auto& messages = warnings.messages();
  if (messages.empty()) return;
  const bool only_code = messages.size() == 1 && messages[0].ends_with("bad Huffman code");
  if (only_code && begins_as_cornell(bytes)) return;
  throw std::runtime_error(fmt::format("damaged ({})", messages.front()));
}

}  // namespace

std::vector<std::byte> decode_with_dcmtk(std::span<const std::byte> bytes,
                                         const std::string& transfer_syntax,
                                         const FrameShape& shape) {
  set_up_dcmtk();
  DcmDataset dataset;
  describe(shape, dataset);
  DcmPixelData pixels(DcmTag(DCM_PixelData, EVR_OB));
  pixels.putOriginalRepresentation(DcmXfer(transfer_syntax.c_str()).getXfer(), nullptr,
                                   encapsulate(bytes).release());  // pixels owns it now

  const std::size_t size = static_cast<std::size_t>(shape.rows) *
                           static_cast<std::size_t>(shape.columns) *
                           static_cast<std::size_t>(shape.bits_allocated / 8);
  std::vector<std::byte> cells(size + size % 2);  // DCMTK wants an even size
  Uint32 first_fragment = 1;                      // behind the offset table
  OFString colour_model;
  const CodecWarnings warnings;
  const OFCondition result = pixels.getUncompressedFrame(
      &dataset, 0, first_fragment, cells.data(), static_cast<Uint32>(cells.size()), colour_model);
  if (result.bad()) throw std::runtime_error("damaged, or not of the header's size and kind");
  require_no_damage(bytes, warnings);
  cells.resize(size);
  return cells;
}

}  // namespace ctclip
