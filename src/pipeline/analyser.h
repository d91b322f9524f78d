#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/watch.h"
#include "study/study.h"

namespace ctclip {

struct AnalysisRequest {
  std::filesystem::path input;  ///< a ZIP, folder, DICOM or NIfTI file
  StudyOptions study;
  std::optional<double> threshold;  ///< overrides the bundle's
  std::string request_id;           ///< for the log; empty where nobody asked over HTTP
  bool details = false;

  /// Reconstruct slices even where the bundle's fusion does not want it.
  bool reconstruction = false;
  /// Instead of the bundle's; an answer made with other numbers says so in its details.
  std::optional<int64_t> reconstruction_slices, reconstruction_steps;
  std::optional<double> classifier_scale;
  /// Folder for this study's anomaly maps (difference.nii.gz, anomaly.png), made where it is
  /// missing; implies `reconstruction`. Empty for none.
  std::filesystem::path maps;
};

/// The answer's JSON, and the error that made it a Failure.
struct Analysis {
  nlohmann::ordered_json answer;
  std::optional<Error> error;
};

/// Which models answer.
struct AnalyserFacts {
  std::string bundle;  ///< its name; empty for an analyser without models
  std::string sha256;  ///< of the whole bundle
  std::string precision;
  bool clinical = true;
  /// Multiplications and additions of each network's stage for one study, by the definition of the
  /// products and convolutions, whatever computes them.
  std::map<std::string, int64_t> operations;
  /// The precision and why (describe_precision); empty for an analyser without models.
  nlohmann::ordered_json choice = nlohmann::ordered_json::object();
};

/// A study in, an answer out. What `predict` and the service call; tests put something quicker in
/// its place. Any number of threads may call it at once.
class Analyser {
 public:
  virtual ~Analyser() = default;
  /// Never throws for anything that is wrong with the study: that is an answer, too.
  virtual Analysis analyse(const AnalysisRequest& request, Watch& watch) const = 0;
  virtual AnalyserFacts facts() const { return {}; }
};

}  // namespace ctclip
