#pragma once

#include <filesystem>
#include <memory>

#include "study/input_file.h"
#include "study/limits.h"
#include "study/source.h"

namespace ctclip {

/// The regular files of a folder at any depth, sorted by path, so that the order never depends on
/// the file system. Symbolic links are not followed. Throws Error{too_many_entries,
/// inflated_too_large}.
std::unique_ptr<Source> open_folder(const std::filesystem::path& folder, const Limits& limits);

/// A Source of just this file. Throws Error{inflated_too_large}.
std::unique_ptr<Source> open_single_file(std::shared_ptr<const InputFile> file,
                                         const Limits& limits);

}  // namespace ctclip
