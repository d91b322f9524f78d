#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/tensor.h"
#include "study/volume.h"

namespace ctclip::app {

/// The name of a file that stands for the standard output.
inline constexpr std::string_view kStandardOutput = "-";

/// The files that an export writes of one study; empty for none, kStandardOutput for that.
struct ExportFiles {
  std::filesystem::path tensor, latents, features, volume;

  bool any() const {
    return !tensor.empty() || !latents.empty() || !features.empty() || !volume.empty();
  }
};

/// Throws Error{usage}, before anything is read or computed, if a name has an ending of no known
/// format, if more than one file is the standard output, or if that is a terminal and the format
/// binary.
void check_names(const ExportFiles& files);
/// Throws Error{usage} naming the option and the known endings.
void check_ending(std::string_view option, const std::filesystem::path& file,
                  std::span<const std::string_view> endings);
/// The same names in a folder. Throws Error{usage} for one that is more than a name.
ExportFiles in_folder(const std::filesystem::path& folder, const ExportFiles& files);

// Each file is there whole or not at all, in a folder that is made if it is missing. They throw
// Error{internal} if the disk refuses.
void export_file(const std::filesystem::path& file,
                 const std::function<void(const std::filesystem::path&)>& write);
void export_array(const std::filesystem::path& file, const Tensor& values);
void export_text(const std::filesystem::path& file, std::string_view text);
/// NIfTI, gzip if the name ends in .gz.
void export_nifti(const std::filesystem::path& file, const Volume& volume);

}  // namespace ctclip::app
