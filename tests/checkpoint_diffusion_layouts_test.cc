#include "checkpoint/diffusion_layouts.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::golden;

// [[name, shape, dtype], ...] in the reference's order.
void expect_layout(const std::vector<TensorSpec>& found, const std::string& file) {
  std::ifstream stream(golden("real_size_layouts/" + file));
  const auto expected = nlohmann::json::parse(stream);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].name, expected[i][0].get<std::string>());
    EXPECT_EQ(found[i].shape, expected[i][1].get<Shape>()) << found[i].name;
    EXPECT_EQ(found[i].dtype, expected[i][2].get<std::string>()) << found[i].name;
  }
}

void expect_checkpoint(const std::vector<TensorSpec>& found, const std::string& file) {
  const auto checkpoint = Checkpoint::open(golden(file));
  ASSERT_EQ(found.size(), checkpoint->names().size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].name, checkpoint->names()[i]);
    EXPECT_EQ(found[i].shape, checkpoint->entry(checkpoint->names()[i]).shape) << found[i].name;
  }
}

TEST(DiffusionLayouts, ClinicalSizes) {
  expect_layout(slice_classifier_layout(slice_classifier_shape(true)),
                "diffusion_classifier_real.json");
  expect_layout(diffusion_unet_layout(diffusion_unet_shape(true)), "diffusion_unet_real.json");
}

TEST(DiffusionLayouts, SizesOfTheGoldenNetworks) {
  expect_checkpoint(slice_classifier_layout(slice_classifier_shape(false)),
                    "diffusion_classifier_tiny/classifier_tiny.pt");
  expect_checkpoint(diffusion_unet_layout(diffusion_unet_shape(false)),
                    "diffusion_unet_tiny/unet_tiny.pt");
  expect_checkpoint(slice_classifier_layout(slice_classifier_shape(true)),
                    "diffusion_classifier_256/classifier_256.pt");
}

}  // namespace
}  // namespace ctclip
