#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace ctclip::phantom {

/// Where a study's files go: a folder, or a ZIP that is written as they come. Nothing has its name
/// before `finish`, and nothing is left behind where that is never called. Throws Error{internal}
/// where the disk refuses.
class StudyOutput {
 public:
  /// A ZIP where `out` ends in .zip. Throws Error{usage} where there is something already that
  /// would be written over.
  static std::unique_ptr<StudyOutput> open(const std::filesystem::path& out);
  StudyOutput() = default;
  virtual ~StudyOutput() = default;
  StudyOutput(const StudyOutput&) = delete;
  StudyOutput& operator=(const StudyOutput&) = delete;

  /// Any thread may add files, in any order; an archive has them in the order of `place`: 0, 1, ...
  virtual void add(int64_t place, const std::string& name, std::span<const std::byte> bytes) = 0;
  /// `truth` goes to truth.json in the folder, or beside the archive: study.json for study.zip.
  virtual void finish(const std::string& truth) = 0;
};

}  // namespace ctclip::phantom
