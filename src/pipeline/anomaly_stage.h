#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/watch.h"
#include "detectors/anomaly.h"
#include "nn/engine.h"
#include "pipeline/bundle.h"

namespace ctclip {

struct AnalysisRequest;

/// The anomaly detector's part of a pipeline: the slice classifier runs on every study where the
/// bundle has it; the reconstruction, which is a thousand times the work, where the fusion wants
/// its features or the request asks for it. The denoiser (a gigabyte, twice that with its
/// transformed weights) is loaded at start where the fusion wants it, else when it is first asked
/// for. Any number of threads may call it.
class AnomalyStage {
 public:
  /// `wanted`: whether the fusion wants the reconstruction; then how long a study will take is
  /// measured and logged. Throws Error{bad_model}.
  AnomalyStage(const Bundle& bundle, const nn::Engine& engine, bool wanted);

  /// Multiplications and additions of its stages for one study, made as the bundle wants it; of the
  /// reconstruction where every study has it.
  std::map<std::string, int64_t> operations() const;

  /// What features it can make.
  void announce(Scores& scores) const;

  /// Throws Error{bad_parameter} where the request asks for what the bundle has not, or for
  /// settings that make no sense: before any work is done.
  void check(const AnalysisRequest& request) const;
  /// Throws the same, and Error{cancelled, internal}.
  void run(const AnalysisRequest& request, const Tensor& prepared, nn::Workspace& work,
           Scores& scores, Watch& watch) const;

 private:
  bool can_reconstruct() const { return bundle_.files.contains(Role::diffusion_unet); }
  const GuidedReconstruction& reconstruction() const;

  const Bundle bundle_;
  nn::Engine engine_;
  bool wanted_;
  std::shared_ptr<const models::EncoderUnet> network_;
  std::unique_ptr<SliceClassifier> classifier_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<GuidedReconstruction> reconstruction_;
};

/// "anomaly" of an answer's details: the values of each slice and their statistics, how the
/// reconstruction was made and whether that is the bundle's way. Empty where nothing ran.
nlohmann::ordered_json describe_anomaly(const Scores& scores, const AnomalyOptions& options);

}  // namespace ctclip
