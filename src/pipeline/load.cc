#include "pipeline/load.h"

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
  log().info("models: {}, licence: {}, sha256 {}, precision {}", pipeline->bundle().title(),
             pipeline->bundle().licence, pipeline->hash().substr(0, 12),
             nn::precision_name(pipeline->precision()));
  return pipeline;
}

}  // namespace ctclip
