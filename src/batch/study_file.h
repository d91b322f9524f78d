#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "study/limits.h"

namespace ctclip::batch {

/// A file of the input that is a study or belongs to one.
struct StudyFile {
  std::string path;       ///< relative to the input, as the file system spells it
  bool alone = false;     ///< an archive or a volume: a study by itself
  std::string study_uid;  ///< of a DICOM file; empty where it cannot be read
  int64_t size = 0;       ///< bytes
  int64_t modified = 0;   ///< ns since 1970
};

/// Judges by what is in a file: ZIP, NIfTI, DICOM. One that is named *.zip, *.nii, *.nii.gz or
/// *.dcm is taken whatever is in it, as somebody meant it to be a study and wants to hear why it is
/// none. A ZIP of another name (*.xlsx) is none; nor are hidden files and a DICOMDIR. Nothing for
/// what is passed over.
std::optional<StudyFile> judge_file(const std::filesystem::path& input, const std::string& path,
                                    const Limits& limits);

/// Hidden, or the folder in which macOS keeps its resource forks.
bool is_passed_over(const std::string& name);

/// The path as text for tables and journals: UTF-8; a byte that is none is shown as \xNN.
std::string as_text(const std::string& path);

}  // namespace ctclip::batch
