#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.h"

namespace ctclip {

/// A folder, or what a link to one leads to; made where it is missing, mode 0700, held for this
/// process until the descriptor goes.
/// Throws Error{usage}, which begins with `what` and ends with `advice`.
Descriptor hold_folder(const std::filesystem::path& folder, std::string_view what,
                       std::string_view advice);

/// One upload on disk: a random name, mode 0600. The file goes away with the object.
class SpoolFile {
 public:
  SpoolFile() = default;
  SpoolFile(SpoolFile&& other) noexcept;
  SpoolFile& operator=(SpoolFile&& other) noexcept;
  ~SpoolFile() { remove(); }

  const std::filesystem::path& path() const { return path_; }
  /// What its name is made of: 128 random bits in hexadecimal.
  const std::string& id() const { return id_; }
  uint64_t size() const { return size_; }
  /// Throws Error{disk_full} or Error{internal}.
  void write(std::string_view bytes);
  /// Everything is written; the file stays until `remove`.
  void close() { file_.close(); }
  /// The same, once it will outlast a power cut: its bytes and its name are on disk. Throws as
  /// `write` does.
  void settle();
  void remove();
  /// It stays on disk when the object goes away.
  void keep();

 private:
  friend class Spool;
  std::filesystem::path path_;
  std::string id_;
  Descriptor file_;
  uint64_t size_ = 0;
};

/// What becomes of the uploads that an earlier process left.
struct Leftovers {
  std::set<std::string> kept;       ///< ids of those that stay; the others go
  std::filesystem::path set_aside;  ///< not empty: they go here rather than away
};

/// Where uploads are kept until they are answered: a folder that one process has for itself (an
/// flock on it says so, and ends with the process however that ends). What a dead process left
/// there is removed at start unless it is to be taken up; nothing but files of our own prefix ever
/// is. Thread-safe.
class Spool {
 public:
  /// `folder` is made where it is missing, mode 0700; empty for a new one in TMPDIR, which goes
  /// away with the object, as do those there that dead processes left.
  /// `reserve`: bytes of disk that stay free. Throws Error{usage} where there can be no such folder
  /// or another process has it.
  Spool(const std::filesystem::path& folder, uint64_t reserve, const Leftovers& leftovers = {});
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  /// Throws Error{disk_full} unless the reserve is free after `coming` more bytes.
  void require_space(uint64_t coming) const;
  SpoolFile create() const;
  /// The upload of this id that an earlier process left, if it is there in its full size.
  std::optional<SpoolFile> adopt(const std::string& id, uint64_t size) const;
  /// Removes a kept one, where it is there.
  void remove(const std::string& id) const;

  /// Of the disk, the reserve left out; 0 where the file system does not tell.
  uint64_t free_bytes() const;
  /// Uploads that lie there now.
  uint64_t files() const;

 private:
  std::filesystem::path path_of(const std::string& id) const;

  std::filesystem::path folder_;
  Descriptor lock_;
  uint64_t reserve_;
  bool temporary_ = false;
};

}  // namespace ctclip
