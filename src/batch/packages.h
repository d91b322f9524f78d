#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ctclip::batch {

/// A file that goes away with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {}
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Where loose DICOM files become the ZIP that a service takes, stored rather than deflated: one at
/// a time for each study that is being answered. The folder is in TMPDIR, of this user alone, and
/// its name depends on the batch alone, so that a batch which goes on after a kill removes what was
/// left. To be made by the one process that holds the batch's journal. `make` is thread-safe.
class Packages {
 public:
  /// `batch`: what tells this batch from others. Throws Error{usage} where there can be no folder.
  explicit Packages(const std::filesystem::path& batch);
  ~Packages();
  Packages(const Packages&) = delete;
  Packages& operator=(const Packages&) = delete;

  /// The ZIP of `files`, relative to `input`; in it they have numbers for names, as theirs may hold
  /// a patient's. Throws Error{damaged_archive} where one cannot be read, Error{disk_full}.
  TemporaryFile make(const std::filesystem::path& input, const std::vector<std::string>& files,
                     int64_t number) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace ctclip::batch
