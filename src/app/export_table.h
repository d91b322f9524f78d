#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace ctclip::app {

/// What became of one study of an export.
struct Exported {
  std::string path;  ///< as it was given
  std::string study_uid, series_uid;
  std::vector<std::string> warnings;
  std::optional<Error> error;
  std::vector<float> ctclip, supervised;  ///< unit image latents; empty if they were not made
};

/// Writes the latents of all studies, a row each, in their order.
///
/// .npy: CT-CLIP's as (studies, size), the supervised model's beside it as .supervised.npy; rows of
/// studies that failed are NaN. Beside them .index.csv: row, path_to_study, study_uid, series_uid,
/// error_code, error, warnings.
/// .csv: the columns of the index, then ctclip_0, ctclip_1, ..., supervised_0, ...; empty for
/// studies that failed.
///
/// Every file is there whole or not at all. Throws Error{internal} if the disk refuses.
void write_latents_table(const std::filesystem::path& path, std::span<const Exported> studies);

/// Name of the folder of a study that was exported beside others, from 0: "0001".
std::string study_folder(std::size_t number);
/// Writes `folder`/index.csv: folder, path_to_study, study_uid and so on. Throws as above.
void write_folder_index(const std::filesystem::path& folder, std::span<const Exported> studies);

}  // namespace ctclip::app
