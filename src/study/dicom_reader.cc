#include "study/dicom_reader.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <algorithm>
#include <array>

#include "study/byte_format.h"
#include "study/dcmtk_setup.h"
#include "study/dcmtk_stream.h"

namespace ctclip {

struct DicomReader::Impl {
  Impl(ByteStream& bytes, uint64_t header_bytes) : stream(bytes, header_bytes) {}
  GuardedStream stream;
  DcmFileFormat file;
};

DicomReader::DicomReader(ByteStream& bytes, uint64_t header_bytes)
    : bytes_(bytes), impl_(std::make_unique<Impl>(bytes, header_bytes)) {
  set_up_dcmtk();
  WindowProducer& producer = impl_->stream.producer();
  is_dicom_ = looks_like_dicom(producer.head());
  if (is_dicom_) parse();
  producer.rethrow();
  impl_->stream.end_header();
}

DicomReader::~DicomReader() = default;

DcmItem& DicomReader::dataset() const { return *impl_->file.getDataset(); }

void DicomReader::parse() {
  GuardedStream& stream = impl_->stream;
  DcmFileFormat& file = impl_->file;
  file.transferInit();
  const OFCondition result =
      file.readUntilTag(stream, EXS_Unknown, EGL_noChange, kLongestValue, DCM_PixelData);
  file.transferEnd();
  const DcmXfer syntax(file.getDataset()->getOriginalXfer());
  OFString uid;
  file.getMetaInfo()->findAndGetOFString(DCM_TransferSyntaxUID, uid);
  transfer_syntax_ =
      uid.empty() ? std::string(syntax.getXferID()) : std::string(uid.data(), uid.size());
  OFString sop_class;
  file.getMetaInfo()->findAndGetOFString(DCM_MediaStorageSOPClassUID, sop_class);
  is_dicomdir_ = sop_class == UID_MediaStorageDirectoryStorage;
  if (!stream.problem().empty()) {
    problem_ = stream.problem();
  } else if (result.bad()) {
    const bool cut_off = stream.eos() || result == EC_StreamNotifyClient;
    problem_ = cut_off ? "its header is cut off" : "its header is damaged";
  } else {
    find_pixels();
  }
}

void DicomReader::find_pixels() {
  const DcmXfer syntax(impl_->file.getDataset()->getOriginalXfer());
  const bool big_endian = syntax.isBigEndian();
  const auto& last = impl_->stream.last_bytes();
  const std::array<uint8_t, 4> tag = big_endian ? std::array<uint8_t, 4>{0x7F, 0xE0, 0x00, 0x10}
                                                : std::array<uint8_t, 4>{0xE0, 0x7F, 0x10, 0x00};
  const auto u16 = [&](std::size_t at) {
    return static_cast<uint32_t>(big_endian ? last[at] << 8 | last[at + 1]
                                            : last[at + 1] << 8 | last[at]);
  };
  const auto u32 = [&](std::size_t at) {
    return big_endian ? u16(at) << 16 | u16(at + 2) : u16(at + 2) << 16 | u16(at);
  };
  const auto tag_at = [&](std::size_t at) {
    return std::equal(tag.begin(), tag.end(), last.begin() + static_cast<std::ptrdiff_t>(at));
  };
  PixelElement element;
  element.big_endian = big_endian;
  uint32_t length = 0;
  if (syntax.isExplicitVR() && tag_at(0)) {  // tag, VR, reserved, 32-bit length
    element.words = !(last[4] == 'O' && last[5] == 'B');
    length = u32(8);
  } else if (syntax.isExplicitVR() && tag_at(4)) {  // tag, a VR with a 16-bit length
    length = u16(10);
  } else if (!syntax.isExplicitVR() && tag_at(4)) {  // tag, 32-bit length
    length = u32(8);
  } else {
    return;
  }
  element.encapsulated = length == DCM_UndefinedLength;
  element.length = element.encapsulated ? 0 : length;
  pixels_ = element;
}

std::size_t DicomReader::read(std::span<std::byte> out) {
  const auto got =
      impl_->stream.DcmInputStream::read(out.data(), static_cast<offile_off_t>(out.size()));
  impl_->stream.producer().rethrow();
  return static_cast<std::size_t>(std::max<offile_off_t>(0, got));
}

std::size_t DicomReader::read_fully(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t got = read(out.subspan(done));
    if (got == 0) break;
    done += got;
  }
  return done;
}

uint64_t DicomReader::skip(uint64_t count) {
  std::array<std::byte, 16 * 1024> scratch;
  uint64_t done = 0;
  while (done < count) {
    const auto wanted = static_cast<std::size_t>(std::min<uint64_t>(scratch.size(), count - done));
    const std::size_t got = read(std::span(scratch).first(wanted));
    if (got == 0) break;
    done += got;
  }
  return done;
}

void DicomReader::finish() {
  std::array<std::byte, 16 * 1024> scratch;
  while (bytes_.read(scratch) > 0) {
  }
}

}  // namespace ctclip
