#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "study/limits.h"

namespace ctclip::app {

/// A study as a command line names it: a file, a folder, a pipe, or `-`, the standard input. What
/// can be read only once is copied into a temporary file without a name, its bytes counted as they
/// come.
class StudyInput {
 public:
  /// Throws Error{usage} if nothing has this name, or if `-` is a terminal; Error{upload_too_large}
  /// if a pipe has more than `limits.upload_bytes`; Error{disk_full, internal} if the copy cannot
  /// be written.
  explicit StudyInput(std::string name, const Limits& limits = {});

  /// As it was typed.
  const std::string& name() const { return name_; }
  /// What to read, while this object lives.
  const std::filesystem::path& path() const { return path_; }
  /// What progress calls it: the name without folders.
  std::string label() const;

 private:
  std::string name_;
  std::filesystem::path path_;
  Descriptor copy_;
};

/// In the order of `names`. Throws as StudyInput does, and Error{usage} if `-` comes twice.
std::vector<StudyInput> open_inputs(const std::vector<std::string>& names,
                                    const Limits& limits = {});

}  // namespace ctclip::app
