#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "phantom/scanner.h"

namespace ctclip::phantom {

/// A picture of a study to look at: axial slices from the neck to the bases, a coronal and a
/// sagittal plane, each in a window for lungs and one for soft tissue, from the series of the
/// fitting kernel where there is one. Keeps only the voxels that it shows.
class ContactSheet {
 public:
  explicit ContactSheet(const Acquisition& acquisition);

  /// One slice of a series. Any thread may add, in any order.
  void add(Kernel kernel, int64_t slice, std::span<const int16_t> hu);

  /// PNG. Throws Error{internal} where it can't be written.
  void write(const std::filesystem::path& path, const std::string& title,
             const std::string& subtitle) const;

 private:
  struct Views {
    std::map<int64_t, std::vector<int16_t>> axial;
    std::map<int64_t, std::vector<int16_t>> coronal, sagittal;  // a line of each slice
  };
  const Views& views(Kernel wanted) const;

  Acquisition acquisition_;
  std::vector<int64_t> axial_;  // slices to show, from the head down
  std::mutex mutex_;
  std::map<Kernel, Views> views_;
};

}  // namespace ctclip::phantom
