#pragma once

#include <memory>

#include "study/input_file.h"
#include "study/limits.h"
#include "study/source.h"

namespace ctclip {

/// The files of a ZIP archive in the order of its central directory, folders left out. Inflates as
/// it is read. The directory's claims are added up and refused at once where they are over the
/// limits; as no entry may then give a byte more than it claims, the claims bound what is inflated,
/// and reading an entry twice costs nothing. Throws Error{damaged_archive, encrypted_archive,
/// too_many_entries, inflated_too_large}.
std::unique_ptr<Source> open_zip(std::shared_ptr<const InputFile> archive, const Limits& limits);

}  // namespace ctclip
