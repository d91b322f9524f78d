#include "detectors/slices.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "study/nifti.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::all_close;
using testing::golden;

// Positions in a plane of up to 480 pixels are float32: half an epsilon of them is the weight that
// two computations may differ by, between neighbours that differ by at most 2.
constexpr double kSmall = 60 * 6e-8 * 2;
constexpr double kFull = 480 * 6e-8 * 2;

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
  const auto indices = facts()["indices"];
  for (const auto& [depth, expected] : indices.items()) {
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
                        read_npy(golden("preprocess/slices_classifier_small_48.npy")), kSmall));
  std::vector<int64_t> sixth;
  for (std::size_t i = 0; i < all.size(); i += 6) sixth.push_back(all[i]);
  EXPECT_TRUE(all_close(cut(volume, sixth, 32),
                        read_npy(golden("preprocess/slices_classifier_small_32.npy")), kSmall));
  EXPECT_TRUE(all_close(cut(volume, reconstructed_planes(volume.dim(1), 16), 48),
                        read_npy(golden("preprocess/slices_reconstruction_small_48.npy")), kSmall));
}

TEST(Slices, RealSize) {
  ThreadPool pool(2);
  Watch watch;
  const Assembly study = read_nifti(golden("preprocess/vol_a_120x110x37.nii.gz"), {}, watch);
  Geometry3d geometry;
  Tensor volume = prepare(study.volume, geometry, pool, watch).reshaped({1, 240, 480, 480});
  const auto expected = facts()["slices_full_256"];
  const std::vector<int64_t> planes = classified_planes(240);
  const Tensor slices = cut(volume, planes, 256);
  for (std::size_t i = 0; i < planes.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < 65536; ++j) sum += slices.values()[i * 65536 + j];
    // Errors of either sign: their sum grows as the square root of the count.
    EXPECT_NEAR(sum, expected["sum_f64_per_slice"][i].get<double>(), kFull * 256) << i;
  }
  Tensor window = Tensor::uninitialised({3, 1, 96, 96});
  for (int64_t i = 0; i < 3 * 96 * 96; ++i) {
    const int64_t slice = 87 + 20 * (i / (96 * 96));
    const int64_t row = 80 + i / 96 % 96;
    const int64_t column = 84 + i % 96;
    window.data()[i] = slices.data()[(slice * 256 + row) * 256 + column];
  }
  EXPECT_TRUE(all_close(window, read_npy(golden("preprocess/slices_full_256_crop.npy")), kFull));
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
