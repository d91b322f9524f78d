#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "study/source.h"

class DcmItem;  // of DCMTK

namespace ctclip {

/// The PixelData element of a file, its value not read yet.
struct PixelElement {
  uint64_t length = 0;        ///< of the value; 0 where encapsulated
  bool encapsulated = false;  ///< fragments (PS3.5 A.4) instead of one value
  bool big_endian = false;
  bool words = true;  ///< OW: in big endian its bytes are swapped in pairs, OB's are not
};

/// One DICOM file read from the front: the header at once by DCMTK, as far as PixelData; then the
/// bytes of the pixel data by `read`. Files without preamble or meta header are tried; deflated
/// ones are inflated. What a hostile header can cost is bounded: its bytes by `header_bytes`, a
/// value by kLongestValue (longer ones are skipped), nesting by the stack it takes, sorting by the
/// time. For one thread.
class DicomReader {
 public:
  static constexpr uint32_t kLongestValue = 64 * 1024;

  /// Throws what the stream throws; a file that cannot be parsed only has a `problem`.
  DicomReader(ByteStream& bytes, uint64_t header_bytes);
  ~DicomReader();
  DicomReader(const DicomReader&) = delete;
  DicomReader& operator=(const DicomReader&) = delete;

  bool is_dicom() const { return is_dicom_; }
  bool is_dicomdir() const { return is_dicomdir_; }
  /// Why the header ended before PixelData or the end of the file; empty where it did not.
  const std::string& problem() const { return problem_; }
  /// Everything before PixelData. Not for files that are no DICOM.
  DcmItem& dataset() const;
  const std::string& transfer_syntax() const { return transfer_syntax_; }
  const std::optional<PixelElement>& pixels() const { return pixels_; }

  /// The bytes after PixelData's tag and length, inflated; 0 at the end. Throws what the stream
  /// throws.
  std::size_t read(std::span<std::byte> out);
  /// `read` until `out` is full or the file ends: how many bytes it gave.
  std::size_t read_fully(std::span<std::byte> out);
  /// Reads past up to `count` bytes: how many there were.
  uint64_t skip(uint64_t count);
  /// Reads the stream to its end, so that an archive's checksum is checked. Nothing is inflated: a
  /// deflated file may hold any number of bytes behind its pixels. Nothing can be read after that.
  void finish();

 private:
  struct Impl;
  void parse();
  void find_pixels();

  ByteStream& bytes_;
  std::unique_ptr<Impl> impl_;
  bool is_dicom_ = false, is_dicomdir_ = false;
  std::string problem_, transfer_syntax_;
  std::optional<PixelElement> pixels_;
};

}  // namespace ctclip
