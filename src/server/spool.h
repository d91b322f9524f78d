#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/descriptor.h"

namespace ctclip {

/// One upload on disk: a random name, mode 0600. The file goes away with the object.
class SpoolFile {
 public:
  SpoolFile() = default;
  SpoolFile(SpoolFile&& other) noexcept;
  SpoolFile& operator=(SpoolFile&& other) noexcept;
  ~SpoolFile() { remove(); }

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  /// Throws Error{disk_full} or Error{internal}.
  void write(std::string_view bytes);
  /// Everything is written; the file stays until `remove`.
  void close() { file_.close(); }
  void remove();

 private:
  friend class Spool;
  std::filesystem::path path_;
  Descriptor file_;
  uint64_t size_ = 0;
};

/// Where uploads are kept until they are answered: a folder that one process has for itself (an
/// flock on it says so, and ends with the process however that ends). What a dead process left
/// there is removed at start; nothing but files of our own prefix ever is. Thread-safe.
class Spool {
 public:
  /// `folder` is made where it is missing, mode 0700; empty for a new one in TMPDIR, which goes
  /// away with the object, as do those there that dead processes left.
  /// `reserve`: bytes of disk that stay free. Throws Error{usage} where there can be no such folder
  /// or another process has it.
  Spool(const std::filesystem::path& folder, uint64_t reserve);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  /// Throws Error{disk_full} unless the reserve is free after `coming` more bytes.
  void require_space(uint64_t coming) const;
  SpoolFile create() const;

  /// Of the disk, the reserve left out; 0 where the file system does not tell.
  uint64_t free_bytes() const;
  /// Uploads that lie there now.
  uint64_t files() const;

 private:
  std::filesystem::path folder_;
  Descriptor lock_;
  uint64_t reserve_;
  bool temporary_ = false;
};

}  // namespace ctclip
