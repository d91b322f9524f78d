#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "study/source.h"

namespace ctclip {

/// Bytes that `format_of` wants to see to be sure: the NIfTI-1 header with its magic.
inline constexpr std::size_t kFormatBytes = 352;

/// What the first bytes of a file say it is. Of a gzip stream the first bytes are inflated.
Format format_of(std::span<const std::byte> head);

/// "DICM" after a preamble of 128 bytes (PS3.10 7.1), or, for files without one, a first element of
/// group 0002 or 0008 in either byte order with a plausible VR or length.
bool looks_like_dicom(std::span<const std::byte> head);

/// The last component of a path with either kind of slash.
std::string_view base_name(std::string_view path);

/// Whether a base name can be shown: every run of letters in it is a word that scanners and PACS
/// use, digits are a counter or a UID. "IM0017.dcm" and "1.2.840.1.dcm" are, "IVANOV_17.dcm" and
/// "19600101.dcm" are not.
bool is_harmless_name(std::string_view name);

}  // namespace ctclip
