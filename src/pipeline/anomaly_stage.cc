#include "pipeline/anomaly_stage.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "detectors/slices.h"
#include "pipeline/analyser.h"

namespace ctclip {
namespace {

using nlohmann::ordered_json;

Weights open_weights(const Bundle& bundle, Role role) {
  return Weights(Checkpoint::open(bundle.files.at(role).path));
}

ReconstructionSettings settings_of(const AnalysisRequest& request,
                                   const ReconstructionSettings& of_bundle) {
  ReconstructionSettings settings = of_bundle;
  settings.slices = request.reconstruction_slices.value_or(settings.slices);
  settings.steps = request.reconstruction_steps.value_or(settings.steps);
  settings.scale = request.classifier_scale.value_or(settings.scale);
  check_settings(settings);
  return settings;
}

bool asks(const AnalysisRequest& request) {
  return request.reconstruction || !request.maps.empty();
}

ordered_json describe(const SliceStatistics& statistics) {
  return {{"mean", statistics.mean},
          {"max", statistics.max},
          {"standard_deviation", statistics.standard_deviation},
          {"planes", statistics.planes},
          {"slices", statistics.slices}};
}

}  // namespace

AnomalyStage::AnomalyStage(const Bundle& bundle, const nn::Engine& engine, bool wanted)
    : bundle_(bundle), engine_(engine), wanted_(wanted && can_reconstruct()) {
  if (!bundle_.files.contains(Role::diffusion_classifier)) return;
  network_ = load_slice_classifier(open_weights(bundle_, Role::diffusion_classifier),
                                   bundle_.anomaly, can_reconstruct(), engine_);
  classifier_ = std::make_unique<SliceClassifier>(network_, engine_);
  check_settings(bundle_.anomaly.reconstruction);
  if (!wanted_) return;
  const ReconstructionSettings& how = bundle_.anomaly.reconstruction;
  log().info(
      "the bundle wants reconstructions: {} slices in {} steps will take about {:.0f} s a study on "
      "this machine",
      how.slices, how.steps, reconstruction().projected_seconds());
}

const GuidedReconstruction& AnomalyStage::reconstruction() const {
  std::call_once(once_, [this] {
    reconstruction_ = std::make_unique<GuidedReconstruction>(
        network_,
        // Hundreds of its steps build on each other: it stays in float32.
        load_denoiser(open_weights(bundle_, Role::diffusion_unet), bundle_.anomaly,
                      engine_.in_f32()),
        bundle_.anomaly.reconstruction, engine_);
  });
  return *reconstruction_;
}

std::map<std::string, int64_t> AnomalyStage::operations() const {
  std::map<std::string, int64_t> of_stage;
  if (!classifier_) return of_stage;
  const auto planes = static_cast<int64_t>(classified_planes(bundle_.geometry.vit.frames).size());
  of_stage[classifier_->name()] = planes * network_->flops();
  if (wanted_) {
    of_stage[reconstruction().name()] = reconstruction().operations(bundle_.geometry.vit.frames);
  }
  return of_stage;
}

void AnomalyStage::announce(Scores& scores) const {
  if (classifier_) classifier_->announce(scores);
  if (can_reconstruct()) scores.diffusion_reconstruction = SliceStatistics{};
}

void AnomalyStage::check(const AnalysisRequest& request) const {
  if (asks(request) && !can_reconstruct()) {
    throw Error(Code::bad_parameter,
                "A reconstruction was asked for, but the bundle has no diffusion_unet.");
  }
  settings_of(request, bundle_.anomaly.reconstruction);
}

void AnomalyStage::run(const AnalysisRequest& request, const Tensor& prepared, nn::Workspace& work,
                       Scores& scores, Watch& watch) const {
  check(request);
  DetectorOptions options;
  options.reconstruction = settings_of(request, bundle_.anomaly.reconstruction);
  options.keep_slices = !request.maps.empty();
  if (classifier_) {
    const auto stage = watch.stage(classifier_->name());
    classifier_->run({prepared, work, options}, scores, watch);
  }
  if (asks(request) || wanted_) {
    const auto stage = watch.stage("diffusion_reconstruction");
    reconstruction().run({prepared, work, options}, scores, watch);
  }
}

ordered_json describe_anomaly(const Scores& scores, const AnomalyOptions& options) {
  ordered_json node = ordered_json::object();
  if (scores.diffusion_classifier) node["classifier"] = describe(*scores.diffusion_classifier);
  if (!scores.diffusion_reconstruction) return node;
  const ReconstructionSettings& how = scores.reconstruction_settings;
  ordered_json& reconstruction = node["reconstruction"];
  reconstruction = describe(*scores.diffusion_reconstruction);
  reconstruction["settings"] = {{"slices", how.slices},
                                {"steps", how.steps},
                                {"noise_level", how.noise_level},
                                {"classifier_scale", how.scale}};
  reconstruction["settings_are_the_bundles"] = how == options.reconstruction;
  return node;
}

}  // namespace ctclip
