#pragma once

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctclip::phantom {

/// Names of the transfer syntaxes that a study can be written in, as --transfer-syntax takes them:
/// every lossless one that the installed codecs write.
std::vector<std::string> transfer_syntaxes();
/// Throws Error{usage} that lists them.
E_TransferSyntax transfer_syntax(std::string_view name);
/// The names in one line, for messages.
std::string transfer_syntax_list();

/// How a scanner stores HU.
struct PixelFormat {
  int bits_stored = 16;  ///< of 16
  bool is_signed = true;
  int intercept = -1024;  ///< stored = HU - intercept
};

/// Puts the image module's description of pixels and the pixels themselves into `dataset`.
void put_pixels(DcmDataset& dataset, const PixelFormat& format, std::span<const int16_t> hu,
                int64_t rows, int64_t columns);

/// A whole file (preamble, meta header, data set) whose pixels came by `put_pixels`. Consumes the
/// pixels of `file`. Any thread may encode a file of its own. Throws Error{internal} where DCMTK
/// refuses.
std::vector<std::byte> encode_file(DcmFileFormat& file, E_TransferSyntax syntax);

}  // namespace ctclip::phantom
