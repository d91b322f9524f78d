#include "pipeline/load.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "pipeline/pipeline.h"

namespace ctclip {

std::shared_ptr<const Analyser> load_analyser(const std::filesystem::path& models, int threads,
                                              std::string_view precision, int at_once,
                                              StudyLoader load) {
  Bundle bundle = open_bundle(models);
  PrecisionChoice choice = choose_precision(precision, bundle);
  auto pipeline = std::make_shared<Pipeline>(
      std::move(bundle), std::make_shared<ThreadPool>(threads), std::move(choice), std::move(load));
  pipeline->compute_at_once(at_once);
  const AnalyserFacts facts = pipeline->facts();
  log_event(spdlog::level::info, "models_loaded",
            {{"bundle", facts.bundle},
             {"clinical", facts.clinical},
             {"sha256", facts.sha256},
             {"precision", facts.precision},
             {"precision_reason", pipeline->choice().reason}},
            fmt::format("models: {}, licence: {}, sha256 {}, precision {} ({})",
                        pipeline->bundle().title(), pipeline->bundle().licence,
                        facts.sha256.substr(0, 12), facts.precision, pipeline->choice().reason));
  return pipeline;
}

}  // namespace ctclip
