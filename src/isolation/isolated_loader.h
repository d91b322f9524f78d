#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "study/study.h"

namespace ctclip::isolation {

struct LoaderOptions {
  /// What is started: this very executable, even where its file was replaced since.
  std::filesystem::path program = "/proc/self/exe";
  int threads = 0;                          ///< of a reader; 0 for one on each core
  std::chrono::milliseconds time{300'000};  ///< for reading a study, from start to volume
  uint64_t memory = 0;  ///< bytes for reading a study; 0 for `memory_for` its limits
};

/// What the largest study within the limits takes, in bytes: its voxels, what is known of each of
/// its files (two kilobytes in headers, one in each archive that a thread has open), and a gigabyte
/// for the images that are being decoded.
uint64_t memory_for(const Limits& limits);

/// A StudyLoader that reads each study in a process of its own: `load_study` of one file (not of a
/// folder), with the same volume, facts, stages, errors and messages, but for these:
///
/// - Error{read_crashed}: the reader crashed, was killed, or answered with nonsense
/// - Error{read_out_of_memory}, Error{read_timeout}: it took more than it may
///
/// `facts` come without Contents::slices, and are empty with those three. Cancelled by its Watch
/// within a tenth of a second. Nothing of a reader is left when the call returns. Any number of
/// threads may call it, each of which must outlive its call.
class IsolatedLoader {
 public:
  /// Starts a reader once to see that it can be; logs a warning where the kernel has no filter of
  /// system calls for it. Throws Error{internal}.
  explicit IsolatedLoader(LoaderOptions options);

  /// Whether the kernel filters the readers' system calls.
  bool filtered() const { return filtered_; }

  Volume operator()(const std::filesystem::path& input, const StudyOptions& options,
                    ThreadPool& pool, Watch& watch, StudyFacts& facts) const;

 private:
  LoaderOptions options_;
  bool filtered_ = false;
};

/// What reads the studies that a person names: a file in a process of its own, a folder in this one
/// (a reader sees no file but the one that it was given).
StudyLoader loader_of_files_and_folders(LoaderOptions options);

}  // namespace ctclip::isolation
