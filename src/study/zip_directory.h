#pragma once

#include <cstdint>
#include <optional>

#include "study/input_file.h"

namespace ctclip {

/// How many entries the end-of-central-directory record of a ZIP archive claims, zip64 included
/// (APPNOTE 6.3 4.3.14 to 4.3.16); nothing where there is no such record. Of several, one of which
/// may lie in another's comment, the largest claim: libzip reads them all before it chooses.
std::optional<uint64_t> claimed_zip_entries(const InputFile& archive);

}  // namespace ctclip
