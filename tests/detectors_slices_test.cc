#include "detectors/slices.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "testing.h"

namespace ctclip {
namespace {

using testing::all_close;
using testing::golden;

// Mixing four values of at most 1 in float32 in the reference's order leaves at most an epsilon.
constexpr double kRounding = 1.2e-7;

nlohmann::json facts() {
  std::ifstream stream(golden("preprocess/facts.json"));
  return nlohmann::json::parse(stream)["slice_preparation"];
}

Tensor cut(const Tensor& volume, const std::vector<int64_t>& planes, int64_t size) {
  Tensor out = Tensor::uninitialised({static_cast<int64_t>(planes.size()), 1, size, size});
  const SliceFrame frame(volume.dim(2), volume.dim(3), size);
  float* to = out.data();
  for (const int64_t plane : planes) {
    frame(volume.data() + plane * volume.dim(2) * volume.dim(3), volume.dim(3), to);
    to += size * size;
  }
  return out;
}

TEST(Slices, PlanesOfEveryDepth) {
  for (const auto& [depth, expected] : facts()["indices"].items()) {
    const int64_t d = std::stoll(depth);
    const std::vector<int64_t> all = classified_planes(d);
    const auto bounds = expected["classifier"].get<std::vector<int64_t>>();
    EXPECT_EQ(all.front(), bounds[0]);
    EXPECT_EQ(all.back(), bounds[1]);
    EXPECT_EQ(static_cast<int64_t>(all.size()), bounds[2]);
    EXPECT_EQ(reconstructed_planes(d, 16),
              expected["reconstruction_16"].get<std::vector<int64_t>>());
  }
  EXPECT_EQ(reconstructed_planes(240, 2), (std::vector<int64_t>{12, 227}));
  EXPECT_EQ(reconstructed_planes(240, 1), (std::vector<int64_t>{12}));
  EXPECT_EQ(reconstructed_planes(20, 1000), classified_planes(20));
}

TEST(Slices, SmallVolume) {
  const Tensor volume = read_npy(golden("preprocess/vol_a_120x110x37_tensor.npy")).tensor();
  const std::vector<int64_t> all = classified_planes(volume.dim(1));
  EXPECT_TRUE(all_close(cut(volume, all, 48),
                        read_npy(golden("preprocess/slices_classifier_small_48.npy")), kRounding));
  std::vector<int64_t> sixth;
  for (std::size_t i = 0; i < all.size(); i += 6) sixth.push_back(all[i]);
  EXPECT_TRUE(all_close(cut(volume, sixth, 32),
                        read_npy(golden("preprocess/slices_classifier_small_32.npy")), kRounding));
  EXPECT_TRUE(all_close(cut(volume, reconstructed_planes(volume.dim(1), 16), 48),
                        read_npy(golden("preprocess/slices_reconstruction_small_48.npy")),
                        kRounding));
}

TEST(Slices, APlaneOfTheRightSizeIsTakenAsItIs) {
  const Tensor volume = read_npy(golden("preprocess/vol_a_120x110x37_tensor.npy")).tensor();
  const SliceFrame frame(48, 60, 48);
  std::vector<float> out(48 * 48);
  frame(volume.data(), 60, out.data());
  for (int64_t i = 0; i < 48; ++i) {
    for (int64_t j = 0; j < 48; ++j) {
      EXPECT_EQ(out[static_cast<std::size_t>(i * 48 + j)], volume.data()[i * 60 + j + 6]);
    }
  }
}

}  // namespace
}  // namespace ctclip
