#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/watch.h"
#include "study/assemble.h"
#include "study/input_file.h"
#include "study/limits.h"
#include "study/lungs.h"
#include "study/series.h"

namespace ctclip {

struct StudyOptions {
  Limits limits;
  std::string series_uid;    ///< overrides the choice; empty for none
  std::string study_uid;     ///< of several studies the one to be answered; empty for any
  bool any_anatomy = false;  ///< leave out the lungs check (and say so in the warnings)
};

/// Everything that is known of a study besides its voxels. UIDs are empty for NIfTI.
struct StudyFacts {
  std::string study_uid, series_uid;
  std::string format;  ///< "zip", "folder", "dicom", "nifti"
  Contents contents;   ///< slices' headers, counts of what was passed over
  Choice choice;
  std::optional<Geometry> geometry;   ///< of the volume, once it was assembled
  Shape shape;                        ///< slices, rows, columns of the volume, likewise
  std::vector<std::string> warnings;  ///< all of them, those of `choice` included
  std::optional<Lungs> lungs;         ///< once they were looked for
};

/// From bytes to Volume: source, scan, choice, assembly, lungs; the stages of `watch` are "scan",
/// "decode" and "lungs". `facts` is filled as far as it came even when this throws, so that a
/// Failure can name the study. Throws Error with any code of the study side.
Volume load_study(const std::filesystem::path& input, const StudyOptions& options, ThreadPool& pool,
                  Watch& watch, StudyFacts& facts);
/// The same of a file that is open already, its voxels into `memory`; opens nothing by itself.
Volume load_open_study(const std::shared_ptr<const InputFile>& input, const StudyOptions& options,
                       const VolumeMemory& memory, ThreadPool& pool, Watch& watch,
                       StudyFacts& facts);

/// `load_study`, or what does the same elsewhere.
using StudyLoader = std::function<Volume(const std::filesystem::path&, const StudyOptions&,
                                         ThreadPool&, Watch&, StudyFacts&)>;

}  // namespace ctclip
