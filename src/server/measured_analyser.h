#pragma once

#include <memory>

#include "pipeline/analyser.h"
#include "server/metrics.h"

namespace ctclip {

/// An analyser whose studies are counted and timed, and whose log lines name the request.
class MeasuredAnalyser : public Analyser {
 public:
  /// `metrics` must outlive it.
  MeasuredAnalyser(std::shared_ptr<const Analyser> analyser, Metrics& metrics);

  Analysis analyse(const AnalysisRequest& request, Watch& watch) const override;
  AnalyserFacts facts() const override { return analyser_->facts(); }

 private:
  std::shared_ptr<const Analyser> analyser_;
  Metrics& metrics_;
};

}  // namespace ctclip
