// LightGBM's text format: a model that is taken must also answer.

#include "fusion/lightgbm.h"

#include <limits>

#include "fuzz/fuzz.h"

namespace {

void evaluate(const ctclip::lightgbm::Model& model, double value) {
  const std::vector<double> row(model.features(), value);
  std::vector<double> scores(model.outputs());
  model.raw(row, scores);
  model.probability(row, scores);
  ctclip::fuzz::may_refuse([&] {
    std::vector<double> contributions(model.outputs() * (model.features() + 1));
    model.contributions(row, contributions);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  fuzz::may_refuse([&] {
    const auto model = lightgbm::Model::parse(fuzz::as_text({data, size}), "fuzz");
    evaluate(model, 0.5);
    evaluate(model, std::numeric_limits<double>::quiet_NaN());
  });
  return 0;
}
