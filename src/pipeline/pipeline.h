#pragma once

#include <functional>
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
#include "study/study.h"

namespace ctclip {

/// What is known of a study when it has been through the detectors.
struct Result {
  Scores scores;
  Decision decision;
  double threshold = 0;
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
  /// `precision`: of the two image encoders; the slice networks compute in float32. Throws
  /// Error{bad_model}: the file, what was expected, what was found.
  Pipeline(Bundle bundle, std::shared_ptr<ThreadPool> pool,
           nn::Precision precision = nn::Precision::f32);

  const Bundle& bundle() const { return bundle_; }
  const std::string& hash() const { return hash_; }
  const Fusion& fusion() const { return *fusion_; }
  nn::Precision precision() const { return engine_.precision(); }

  /// The whole program on one page. `facts` and `seconds` (in `watch`) are filled as far as it came
  /// even when it throws.
  Result run(const AnalysisRequest& request, Watch& watch, StudyFacts& facts,
             const Observer& observer = {}) const;

  /// The same as an answer; never throws for anything that is wrong with the study.
  Analysis analyse(const AnalysisRequest& request, Watch& watch) const override;
  AnalyserFacts facts() const override;

 private:
  Tensor load_and_prepare(const AnalysisRequest& request, Watch& watch, StudyFacts& facts,
                          const Observer& observer) const;

  Bundle bundle_;
  std::string hash_;
  std::shared_ptr<ThreadPool> pool_;
  nn::Engine engine_;
  std::vector<std::unique_ptr<Detector>> detectors_;
  std::unique_ptr<AnomalyStage> anomaly_;
  std::unique_ptr<Fusion> fusion_;
};

}  // namespace ctclip
