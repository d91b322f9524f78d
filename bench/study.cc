#include "bench/study.h"

#include "bench/networks.h"
#include "detectors/prepare.h"
#include "detectors/slices.h"
#include "pipeline/pipeline.h"

namespace ctclip::bench {
namespace {

nlohmann::json gflop_of_stages(const Bundle& bundle) {
  const auto slices = static_cast<double>(classified_planes(bundle.geometry.vit.frames).size());
  return {{"ctclip", kEncoderGflop},
          {"supervised", kEncoderGflop},
          {"diffusion_classifier", kSliceGflop * slices}};
}

nlohmann::json stages_of(const Watch& watch) {
  nlohmann::json stages = nlohmann::json::object();
  for (const auto& [stage, seconds] : watch.seconds()) {
    stages[stage] = stages.value(stage, 0.0) + seconds;
  }
  return {{"stages", stages}};
}

nlohmann::json analyse_once(const Pipeline& pipeline, const std::filesystem::path& study) {
  AnalysisRequest request;
  request.input = study;
  Watch watch;
  const Analysis analysis = pipeline.analyse(request, watch);
  if (analysis.error) throw Error(*analysis.error);
  return stages_of(watch);
}

nlohmann::json read_once(ThreadPool& pool, const std::filesystem::path& study) {
  Watch watch;
  StudyFacts facts;
  const Volume volume = load_study(study, {}, pool, watch, facts);
  {
    const auto stage = watch.stage("prepare");
    prepare(volume, Geometry3d{}, pool, watch);
  }
  return stages_of(watch);
}

}  // namespace

Worker study_worker(const std::filesystem::path& models, const std::filesystem::path& study,
                    std::shared_ptr<ThreadPool> pool, nn::Precision precision) {
  auto pipeline = std::make_shared<const Pipeline>(open_bundle(models), std::move(pool),
                                                   PrecisionChoice{.precision = precision});
  return {{{"gflop", gflop_of_stages(pipeline->bundle())}, {"bundle", pipeline->bundle().title()}},
          [pipeline, study] { return analyse_once(*pipeline, study); },
          {}};
}

Worker reading_worker(const std::filesystem::path& study, std::shared_ptr<ThreadPool> pool) {
  return {nlohmann::json::object(),
          [pool = std::move(pool), study] { return read_once(*pool, study); },
          {}};
}

}  // namespace ctclip::bench
