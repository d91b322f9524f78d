#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "study/limits.h"

namespace ctclip {

/// StudyInstanceUID of one DICOM file, by its header alone: what loose files are grouped by. Empty
/// where it has none that is a UID (base/uid.h) or its header is damaged; nothing where the file
/// belongs to no study: a DICOMDIR, or no DICOM at all. Throws nothing for what is in the file.
std::optional<std::string> study_uid_of(const std::filesystem::path& file, const Limits& limits);

}  // namespace ctclip
