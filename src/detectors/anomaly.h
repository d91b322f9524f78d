#pragma once

#include <memory>
#include <string>

#include "checkpoint/checkpoint.h"
#include "detectors/anomaly_options.h"
#include "detectors/detector.h"
#include "detectors/reconstruction.h"
#include "models/diffusion_unet.h"
#include "models/encoder_unet.h"
#include "nn/engine.h"

namespace ctclip {

/// Loads the slice classifier; `gradient` where it is to guide. Throws Error{bad_model}.
std::shared_ptr<const models::EncoderUnet> load_slice_classifier(const Weights& weights,
                                                                 const AnomalyOptions& options,
                                                                 bool gradient,
                                                                 const nn::Engine& engine);
/// Loads the denoiser. Throws Error{bad_model}.
std::unique_ptr<const models::DiffusionUnet> load_denoiser(const Weights& weights,
                                                           const AnomalyOptions& options,
                                                           const nn::Engine& engine);

/// Probability of pathology for every slice of the middle 90 % of the volume.
class SliceClassifier : public Detector {
 public:
  SliceClassifier(std::shared_ptr<const models::EncoderUnet> classify, const nn::Engine& engine)
      : engine_(engine), classify_(std::move(classify)) {}

  std::string name() const override { return "diffusion_classifier"; }
  void run(const DetectorInput& input, Scores& scores, Watch& watch) const override;
  void announce(Scores& scores) const override;

 private:
  nn::Engine engine_;
  std::shared_ptr<const models::EncoderUnet> classify_;
};

/// How far some slices are from what a healthy patient's would look like: L1 distance to their
/// guided reconstruction. Reports one unit of progress for every evaluation of the denoiser.
class GuidedReconstruction : public Detector {
 public:
  /// `classify` must have been built with its gradient, for slices of the same size. Throws
  /// Error{bad_model, bad_parameter}.
  GuidedReconstruction(std::shared_ptr<const models::EncoderUnet> classify,
                       std::unique_ptr<const models::DiffusionUnet> denoise,
                       const ReconstructionSettings& settings, const nn::Engine& engine);

  std::string name() const override { return "diffusion_reconstruction"; }
  void run(const DetectorInput& input, Scores& scores, Watch& watch) const override;
  void announce(Scores& scores) const override;

  const ReconstructionSettings& settings() const { return settings_; }
  /// Multiplications and additions for a study of so many planes, by the definition.
  int64_t operations(int64_t planes) const;
  /// Seconds that a study will take on this machine: one evaluation of each network is timed, on
  /// all threads at once.
  double projected_seconds() const;

 private:
  nn::Engine engine_;
  std::shared_ptr<const models::EncoderUnet> classify_;
  std::unique_ptr<const models::DiffusionUnet> denoise_;
  SliceReconstructor reconstruct_;
  ReconstructionSettings settings_;
};

/// Mean, largest value and population standard deviation, of float32 values as the reference.
SliceStatistics statistics_of(const std::vector<float>& slices, std::vector<int64_t> planes);

}  // namespace ctclip
