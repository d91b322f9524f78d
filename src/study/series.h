#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "study/limits.h"
#include "study/slice.h"

namespace ctclip {

enum class KernelClass { lung, standard, other };

/// A series of the study and what was thought of it.
struct Series {
  std::string study_uid, series_uid, modality, kernel, body_part;
  KernelClass kernel_class = KernelClass::other;
  int32_t rows = 0, columns = 0;
  std::vector<std::size_t>
      slices;              ///< indices into Contents::slices, valid ones, duplicates dropped
  int64_t duplicates = 0;  ///< the same SOPInstanceUID again, or another image at the same position
  int64_t invalid = 0;     ///< images left out: damaged, localizers, derived, of another size, ...
  bool candidate = false;
  bool chosen = false;
  std::optional<Code> refusal;        ///< what keeps it from being a candidate
  std::string reason;                 ///< why it was or was not taken, one sentence
  std::vector<std::string> warnings;  ///< what was dropped from it
};

struct Choice {
  std::vector<Series> series;         ///< every series, best first
  std::optional<std::size_t> chosen;  ///< index into `series`
  std::optional<Error> refusal;       ///< set where nothing was chosen: what `predict` answers
  std::vector<std::string>
      warnings;  ///< other studies in the archive, a body part that is no chest, ...
};

/// Kernel class by ConvolutionKernel (every value of it), else FilterType. The vendors' names and
/// their sources stand in kernels.cc.
KernelClass classify_kernel(std::span<const std::string> convolution_kernel,
                            const std::string& filter_type);

/// Choice as in service.md "Study to volume" 3 and 4; never depends on the order of the files.
/// `series_uid` overrides the choice (it must be a candidate); empty for none. With `study_uid`
/// only series of that study are candidates.
///
/// An image of a series counts with Modality CT, a CT image storage class, no ImageType of a
/// localizer or derived secondary image (series_rules.h), one sample per pixel, and position,
/// orientation and spacing. At most three images of another size or orientation than the rest are
/// left out with a warning (a localizer filed among the slices; the reference drops groups of fewer
/// than four); more make the series no candidate.
///
/// Of two images with the same SOPInstanceUID and frame, or at the same position, the one whose
/// (SOPInstanceUID, frame) is smaller stays. Where more than a tenth of the positions hold several
/// images (two phases in one series), nothing says which one to take: no candidate.
Choice choose_series(const Contents& contents, const Limits& limits, const std::string& series_uid,
                     const std::string& study_uid = {});

/// The studies of an archive besides `study_uid`, sorted, by the study of each of its series. What
/// has no StudyInstanceUID is in none of them.
std::vector<std::string> other_studies(const std::vector<std::string>& of_series,
                                       const std::string& study_uid);
/// The warning that these were not looked at; empty where there are none.
std::string other_studies_warning(const std::vector<std::string>& others);

}  // namespace ctclip
