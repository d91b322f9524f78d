#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/descriptor.h"

namespace ctclip {

/// A small text file that others must not read, or must not change. Every function throws
/// Error{usage}: what the file is, its name and the reason.
class PrivateFile {
 public:
  /// What the file holds and how it is protected; no text where it is missing.
  struct Content {
    std::string text;
    struct stat state {};
  };

  /// `what` begins each error. `forbidden`: mode bits that the file must not have; `expected` says
  /// so in words.
  PrivateFile(std::filesystem::path file, std::string what, mode_t forbidden, std::string expected);

  /// None if there is no such file.
  std::optional<Content> read() const;
  /// Replaces the file in one step, so that a reader never sees half of it. Owner, group and mode
  /// stay as in `old`; a new file has mode 0600. File and directory entry are synced.
  void replace(const std::string& text, const Content* old) const;
  /// Keeps other processes that lock it from changing a file of this folder. The folder is what is
  /// locked, since the file itself is replaced.
  Descriptor lock() const;

  [[noreturn]] void fail(const std::string& why) const;

 private:
  std::filesystem::path folder() const;
  [[noreturn]] void fail_with_errno() const;
  void require_private(const struct stat& state) const;

  const std::filesystem::path file_;
  const std::string what_;
  const mode_t forbidden_;
  const std::string expected_;
};

}  // namespace ctclip
