#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "study/raw_image.h"
#include "study/slice.h"

namespace ctclip {

/// Whether a transfer syntax's pixel data are fragments of a codec that is known here.
bool is_compressed(const std::string& transfer_syntax);
/// RLE: every frame is just one fragment.
bool is_run_length(const std::string& transfer_syntax);

/// Decodes one frame of RLE, JPEG, JPEG-LS (DCMTK), JPEG 2000 or HTJ2K (OpenJPEG). The codestream's
/// own size must be the header's before anything is allocated by it. Where the codestream has fewer
/// bits than BitsStored, its bits are the value (two's complement where the header is signed). Any
/// number of threads may call it. Throws Error{undecodable_pixels} naming `label`.
RawImage decode_frame(std::span<const std::byte> bytes, const Slice& slice,
                      const std::string& label);

}  // namespace ctclip
