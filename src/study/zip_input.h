#pragma once

#include <zip.h>

#include <memory>

#include "study/input_file.h"

namespace ctclip {

/// What libzip reads an archive from: a place of its own in `file`, which any number of archives
/// may read at once. Null with `error` set where there is no memory; else the caller's until
/// zip_open_from_source takes it.
zip_source_t* make_zip_input(std::shared_ptr<const InputFile> file, zip_error_t& error);

}  // namespace ctclip
