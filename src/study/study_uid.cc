#include "study/study_uid.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <memory>

#include "base/error.h"
#include "base/uid.h"
#include "study/attributes.h"
#include "study/dicom_reader.h"
#include "study/folder_source.h"

namespace ctclip {

std::optional<std::string> study_uid_of(const std::filesystem::path& file, const Limits& limits) {
  try {
    const std::unique_ptr<Source> source =
        open_single_file(std::make_shared<InputFile>(file), limits);
    const std::unique_ptr<ByteStream> stream = source->open(0);
    const DicomReader reader(*stream, limits.header_bytes);
    if (!reader.is_dicom() || reader.is_dicomdir()) return std::nullopt;
    return uid_of(Attributes({&reader.dataset()}).text(DCM_StudyInstanceUID));
  } catch (const Error&) {
    return "";
  }
}

}  // namespace ctclip
