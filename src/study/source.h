#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "study/input_file.h"
#include "study/limits.h"

namespace ctclip {

/// One file's bytes, read once from the front.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Up to out.size() bytes; 0 at the end. Throws Error (damaged_archive, encrypted_archive,
  /// inflated_too_large).
  virtual std::size_t read(std::span<std::byte> out) = 0;
};

/// The files of a study: a ZIP archive, a folder at any depth, or one file. Nothing is ever
/// unpacked to disk and no path is ever made of an entry's name. Thread-safe: any number of streams
/// may be open at once.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::size_t size() const = 0;
  /// Name to judge by (hidden, __MACOSX, DICOMDIR): may hold a patient's name, so it is never
  /// shown.
  virtual std::string path(std::size_t file) const = 0;
  /// How an error names the file without a patient's name in it: "file 17 of 300 (IM0017.dcm)".
  std::string label(std::size_t file) const;
  /// Bytes that the file claims to have.
  virtual uint64_t claimed_size(std::size_t file) const = 0;
  virtual std::unique_ptr<ByteStream> open(std::size_t file) const = 0;
};

/// What the first bytes of a file say it is; names are never believed.
enum class Format { empty, zip, nifti, nifti_gz, dicom, unknown };
/// Reads the first 352 bytes or so (of the inflated stream for gzip). A DICOM file without preamble
/// is recognised too.
Format sniff(const std::filesystem::path& file);
Format sniff(const InputFile& file);

/// `input`: a ZIP, a folder or a single DICOM file. All limits on entries and inflated bytes are
/// counted here and in the streams. Throws Error{empty_upload, unsupported_format, damaged_archive,
/// encrypted_archive, too_many_entries, inflated_too_large}.
std::unique_ptr<Source> open_source(const std::filesystem::path& input, const Limits& limits);
std::unique_ptr<Source> open_source(std::shared_ptr<const InputFile> input, const Limits& limits);

}  // namespace ctclip
