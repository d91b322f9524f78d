#include "detectors/operations.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "golden.h"
#include "models/encoder_unet.h"

namespace ctclip {
namespace {

using testing::Bench;
using testing::golden;
using testing::golden_weights;

/// A state dict of which only the shapes are known.
class Layout : public Checkpoint {
 public:
  explicit Layout(const std::string& file) {
    std::ifstream stream(golden("real_size_layouts/" + file));
    for (const auto& tensor : nlohmann::json::parse(stream)) {
      names_.push_back(tensor[0]);
      entries_[tensor[0]] = {tensor[1].get<Shape>(), tensor[2]};
    }
  }
  Tensor read(const std::string&) const override { throw Error(Code::internal, "no values"); }
  std::vector<std::string> strings(const std::string&) const override { return {}; }
};

// golden/real_size_layouts/README.md, counted at the reference's kernels: 394.7 G
// multiply-accumulates without the position bias, 0.15 G for the projection to the latent.
TEST(Operations, OfTheEncoderAreThoseCountedAtTheReferencesKernels) {
  const Weights weights(std::make_shared<Layout>("ctclip_real.json"));
  const auto found = static_cast<double>(encoder_operations(weights, {}));
  EXPECT_NEAR(found / 2e9, 394.7 + 0.15, 0.1);
}

// The same page: 4.80 G for a slice of 256x256. Ours are 0.3 % more.
TEST(Operations, OfTheSliceClassifierAreThoseCountedAtTheReferencesKernels) {
  Bench bench;
  const models::EncoderUnet network(golden_weights("diffusion_classifier_256/classifier_256.pt"),
                                    {256, 64, false}, bench.engine);
  EXPECT_NEAR(static_cast<double>(network.flops()) / 2e9, 4.80, 0.02);
}

}  // namespace
}  // namespace ctclip
