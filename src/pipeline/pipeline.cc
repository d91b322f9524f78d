#include "pipeline/pipeline.h"

#include <chrono>
#include <future>
#include <new>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "detectors/ctclip.h"
#include "detectors/operations.h"
#include "detectors/prepare.h"
#include "detectors/supervised.h"
#include "nn/precision.h"
#include "pipeline/answer.h"
#include "pipeline/maps.h"
#include "pipeline/study_json.h"

namespace ctclip {
namespace {

Weights open_weights(const Bundle& bundle, Role role) {
  return Weights(Checkpoint::open(bundle.files.at(role).path));
}

std::vector<std::string> available_features(const std::vector<std::unique_ptr<Detector>>& detectors,
                                            const AnomalyStage& anomaly,
                                            const PathologyGroups& groups) {
  Scores scores;
  anomaly.announce(scores);
  for (const auto& detector : detectors) detector->announce(scores);
  std::vector<std::string> names;
  for (const Feature& feature : make_features(scores, groups)) names.push_back(feature.name);
  return names;
}

}  // namespace

Pipeline::Pipeline(Bundle bundle, std::shared_ptr<ThreadPool> pool, PrecisionChoice choice,
                   StudyLoader load)
    : bundle_(std::move(bundle)),
      choice_(std::move(choice)),
      pool_(std::move(pool)),
      engine_(*pool_, choice_.precision),
      load_(std::move(load)) {
  auto hash = std::async(std::launch::async, [this] { return bundle_hash(bundle_); });
  fusion_ = std::make_unique<Fusion>(lightgbm::Model::load(bundle_.files.at(Role::fusion).path),
                                     bundle_.groups, bundle_.threshold);
  const Tokenizer tokenizer(bundle_.files.at(Role::vocabulary).path);
  const CtClip::Options options{bundle_.prompts, bundle_.geometry.vit, bundle_.text_heads};
  {
    const Weights weights = open_weights(bundle_, Role::ctclip);
    detectors_.push_back(std::make_unique<CtClip>(weights, tokenizer, options, engine_));
    operations_["ctclip"] = encoder_operations(weights, options.geometry);
  }
  {
    const Weights weights = open_weights(bundle_, Role::supervised);
    detectors_.push_back(std::make_unique<Supervised>(weights, options.geometry, engine_));
    operations_["supervised"] = encoder_operations(weights.scope("ct_clip"), options.geometry);
  }
  anomaly_ =
      std::make_unique<AnomalyStage>(bundle_, engine_, fusion_->wants("diffusion_reconstruction_"));
  fusion_->require(available_features(detectors_, *anomaly_, bundle_.groups));
  operations_.merge(anomaly_->operations());
  hash_ = hash.get();
}

Tensor Pipeline::load_and_prepare(const AnalysisRequest& request, Watch& watch, StudyFacts& facts,
                                  const Observer& observer) const {
  const Volume volume = load_(request.input, request.study, *pool_, watch, facts);
  if (observer.volume) observer.volume(volume);
  const auto stage = watch.stage("prepare");
  Tensor prepared = prepare(volume, bundle_.geometry, *pool_, watch);
  if (observer.prepared) observer.prepared(prepared);
  return prepared;  // the volume goes, its prepared copy stays
}

Result Pipeline::run(const AnalysisRequest& request, Watch& watch, StudyFacts& facts,
                     const Observer& observer) const {
  anomaly_->check(request);
  return detect(load_and_prepare(request, watch, facts, observer), request, watch);
}

Result Pipeline::detect(const Tensor& prepared, const AnalysisRequest& request,
                        Watch& watch) const {
  Result result;
  result.threshold = request.threshold.value_or(bundle_.threshold);
  const Slots::Turn turn(slots_, watch);
  result.waited = turn.waited();
  nn::Workspace work;
  for (const auto& detector : detectors_) {
    const auto stage = watch.stage(detector->name());
    detector->run({prepared, work}, result.scores, watch);
  }
  anomaly_->run(request, prepared, work, result.scores, watch);
  const auto stage = watch.stage("fusion");
  result.decision = fusion_->decide(result.scores, result.threshold);
  return result;
}

AnalyserFacts Pipeline::facts() const {
  AnalyserFacts facts{
      bundle_.name,     hash_,       std::string(nn::precision_name(choice_.precision)),
      bundle_.clinical, operations_, {}};
  describe_precision(choice_, facts.choice);
  return facts;
}

Analysis Pipeline::analyse(const AnalysisRequest& request, Watch& watch) const {
  const auto began = std::chrono::steady_clock::now();
  const auto spent = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  StudyFacts facts;
  const auto fail = [&](const Error& error) {
    Analysis analysis{
        failure_answer(error, facts.study_uid, facts.series_uid, spent(), facts.warnings), error};
    const bool was_read = !facts.format.empty();
    if (request.details && was_read)
      analysis.answer["details"] = {{"study", describe_study(facts)}};
    return analysis;
  };
  try {
    StudyGrid grid;
    const Observer observer{[&](const Volume& volume) { grid = grid_of(volume); }, {}};
    const Result result = run(request, watch, facts, observer);
    if (!request.maps.empty()) {
      const auto stage = watch.stage("maps");
      write_maps(request.maps, result.scores, grid, bundle_.geometry);
    }
    Analysis analysis{success_answer(bundle_, facts, result, spent() - result.waited), {}};
    if (request.details) {
      analysis.answer["details"] = answer_details(bundle_, hash_, facts, result, watch);
      describe_precision(choice_, analysis.answer["details"]);
      analysis.answer["details"]["anomaly"] = describe_anomaly(result.scores, bundle_.anomaly);
    }
    return analysis;
  } catch (const Error& error) {
    return fail(error);
  } catch (const std::bad_alloc&) {
    return fail(Error(Code::internal, "There is not enough memory for this study."));
  } catch (const std::exception& error) {
    log().error("analysis failed: {}", error.what());
    return fail(Error(Code::internal, "An error of the program; its log has the reason."));
  }
}

}  // namespace ctclip
