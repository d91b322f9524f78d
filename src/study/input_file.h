#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/descriptor.h"

namespace ctclip {

/// An open file, read by place: any number of threads may read at once, and nothing is ever opened
/// again by name, so that a process that may open no file can work on one that it was given.
class InputFile {
 public:
  /// Throws Error{unsupported_format} where it cannot be opened, with the system's reason.
  InputFile(const std::filesystem::path& path);  // NOLINT: a path is as good as what it names
  /// `name`: what it is called, without folders. Throws likewise.
  InputFile(Descriptor file, std::string name);

  const std::string& name() const { return name_; }
  /// Bytes that it had when it was opened; what is appended later is never read.
  uint64_t size() const { return size_; }
  /// Fills `out` from `offset` on, but for what lies beyond the end: how many bytes there were.
  /// Throws Error{damaged_archive} where the disk fails.
  std::size_t read(uint64_t offset, std::span<std::byte> out) const;
  int descriptor() const { return file_.get(); }

 private:
  Descriptor file_;
  std::string name_;
  uint64_t size_ = 0;
};

}  // namespace ctclip
