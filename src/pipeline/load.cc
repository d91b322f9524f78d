#include "pipeline/load.h"

#include "base/log.h"
#include "pipeline/pipeline.h"

namespace ctclip {

std::shared_ptr<const Analyser> load_analyser(const std::filesystem::path& models, int threads) {
  Bundle bundle = open_bundle(models);
  auto pipeline =
      std::make_shared<Pipeline>(std::move(bundle), std::make_shared<ThreadPool>(threads));
  log().info("models: {}, licence: {}, sha256 {}", pipeline->bundle().title(),
             pipeline->bundle().licence, pipeline->hash().substr(0, 12));
  return pipeline;
}

}  // namespace ctclip
