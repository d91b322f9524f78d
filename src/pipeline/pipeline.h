#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/watch.h"
#include "detectors/detector.h"
#include "fusion/fusion.h"
#include "nn/engine.h"
#include "pipeline/analyser.h"
#include "pipeline/anomaly_stage.h"
#include "pipeline/bundle.h"
#include "pipeline/precision_choice.h"
#include "pipeline/slots.h"
#include "study/study.h"

namespace ctclip {

/// What is known of a study when it has been through the detectors.
struct Result {
  Scores scores;
  Decision decision;
  double threshold = 0;
  double waited = 0;  ///< seconds for the detectors, prepared
};

/// What passes by on the way, for those who want to keep it (`export`). Either may be empty.
struct Observer {
  std::function<void(const Volume&)> volume;
  std::function<void(const Tensor&)> prepared;
};

/// A bundle's models, resident. Immutable once built: any number of threads may call it.
class Pipeline : public Analyser {
 public:
  /// Loads every model and checks that the fusion's features are all made by some detector.
  /// `choice`: the precision of all networks but the denoiser, which computes in float32. `load`:
  /// what reads the studies. Throws Error{bad_model}: the file, what was expected, what was found.
  Pipeline(Bundle bundle, std::shared_ptr<ThreadPool> pool, PrecisionChoice choice = {},
           StudyLoader load = load_study);

  const Bundle& bundle() const { return bundle_; }
  const std::string& hash() const { return hash_; }
  const Fusion& fusion() const { return *fusion_; }
  const PrecisionChoice& choice() const { return choice_; }

  /// So many studies in the detectors at once, whoever calls; 0, as it is built: any number. The
  /// others are read and prepared, and wait. Call it before the first study.
  void compute_at_once(int studies) { slots_.limit(studies); }

  /// The whole program on one page. `facts` and `seconds` (in `watch`) are filled as far as it came
  /// even when it throws.
  Result run(const AnalysisRequest& request, Watch& watch, StudyFacts& facts,
             const Observer& observer = {}) const;

  /// The two halves of `run`: the volume that the networks see, and what is made of one. Several
  /// pipelines of one bundle can share the first.
  Tensor load_and_prepare(const AnalysisRequest& request, Watch& watch, StudyFacts& facts,
                          const Observer& observer = {}) const;
  Result detect(const Tensor& prepared, const AnalysisRequest& request, Watch& watch) const;

  /// The same as an answer; never throws for anything that is wrong with the study.
  Analysis analyse(const AnalysisRequest& request, Watch& watch) const override;
  AnalyserFacts facts() const override;

 private:
  Bundle bundle_;
  PrecisionChoice choice_;
  std::string hash_;
  std::map<std::string, int64_t> operations_;  ///< of each network's stage, a study
  std::shared_ptr<ThreadPool> pool_;
  nn::Engine engine_;
  StudyLoader load_;
  std::vector<std::unique_ptr<Detector>> detectors_;
  std::unique_ptr<AnomalyStage> anomaly_;
  std::unique_ptr<Fusion> fusion_;
  mutable Slots slots_;
};

}  // namespace ctclip
