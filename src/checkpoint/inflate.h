#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace ctclip {

/// The bytes of a small model file, unpacked where its first bytes say zlib, gzip, bzip2, xz or
/// lzma; `limit` counts both the file and what comes out of it. Throws Error{bad_model}.
std::vector<std::byte> read_unpacked(const std::filesystem::path& path, uint64_t limit);

}  // namespace ctclip
