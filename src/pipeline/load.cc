#include "pipeline/load.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "nn/precision.h"
#include "pipeline/pipeline.h"

namespace ctclip {

std::shared_ptr<const Analyser> load_analyser(const std::filesystem::path& models, int threads,
                                              nn::Precision precision, int at_once,
                                              StudyLoader load) {
  Bundle bundle = open_bundle(models);
  auto pipeline = std::make_shared<Pipeline>(
      std::move(bundle), std::make_shared<ThreadPool>(threads), precision, std::move(load));
  pipeline->compute_at_once(at_once);
  const AnalyserFacts facts = pipeline->facts();
  log_event(
      spdlog::level::info, "models_loaded",
      {{"bundle", facts.bundle},
       {"clinical", facts.clinical},
       {"sha256", facts.sha256},
       {"precision", facts.precision}},
      fmt::format("models: {}, licence: {}, sha256 {}, precision {}", pipeline->bundle().title(),
                  pipeline->bundle().licence, facts.sha256.substr(0, 12), facts.precision));
  return pipeline;
}

}  // namespace ctclip
