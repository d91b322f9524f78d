#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "detectors/ctclip.h"
#include "detectors/prepare.h"
#include "detectors/supervised.h"
#include "golden.h"
#include "study/nifti.h"
#include "study/study.h"

namespace ctclip {
namespace {

using testing::all_close;
using testing::Bench;
using testing::golden;
using testing::golden_weights;

const models::CtVitGeometry kTiny{40, 80, 80, 10, 20};

// Logits are exp(1.7) = 5.5 times an inner product of unit latents, each within 2e-6
// (models_ct_vit_test.cc).
constexpr double kLogits = 2e-5;
// The slope of the sigmoid is at most 1/4.
constexpr double kProbabilities = kLogits / 4;

nlohmann::json read_json(const std::string& file) {
  std::ifstream stream(golden(file));
  EXPECT_TRUE(stream) << file;
  return nlohmann::json::parse(stream);
}

Tensor input_volume() {
  return read_npy(golden("ctclip_tiny/input_volume.npy")).tensor().reshaped(kTiny.volume());
}

CtClip make_ctclip(Bench& bench, const std::string& file) {
  CtClip::Options options;
  options.geometry = kTiny;
  options.text_heads = 4;
  return {golden_weights(file), Tokenizer(golden("ctclip_tiny/vocab.txt")), options, bench.engine};
}

TEST(CtClip, ReplaysLogitsAndProbabilities) {
  Bench bench;
  const CtClip detector = make_ctclip(bench, "ctclip_tiny/ctclip_tiny.pt");
  Scores scores;
  detector.run({input_volume(), bench.work}, scores, bench.watch);
  EXPECT_TRUE(all_close(scores.ctclip_latent,
                        read_npy(golden("ctclip_tiny/image_latent.npy")).values, 2e-6));
  Tensor latent = Tensor::uninitialised({static_cast<int64_t>(scores.ctclip_latent.size())});
  std::ranges::copy(scores.ctclip_latent, latent.data());
  EXPECT_TRUE(
      all_close(detector.logits(latent), read_npy(golden("ctclip_tiny/logits.npy")), kLogits));

  const NpyArray expected = read_npy(golden("ctclip_tiny/probabilities.npy"));
  const auto prompts = read_json("ctclip_tiny/prompts.json");
  ASSERT_EQ(scores.ctclip.size(), expected.values.size());
  for (std::size_t i = 0; i < scores.ctclip.size(); ++i) {
    EXPECT_EQ(scores.ctclip[i].name, prompts[i].at("pathology"));
    EXPECT_NEAR(scores.ctclip[i].probability, expected.values[i], kProbabilities);
    EXPECT_NEAR(scores.ctclip[i].probability, prompts[i].at("probability_present").get<double>(),
                kProbabilities);
  }
}

TEST(CtClip, GivesTheSameFromEveryContainer) {
  Bench bench;
  std::vector<double> first;
  for (const char* file : {"ctclip_tiny.pt", "ctclip_tiny_legacy.pt", "ctclip_tiny_wrapped.pt"}) {
    Scores scores;
    make_ctclip(bench, std::string("ctclip_tiny/") + file)
        .run({input_volume(), bench.work}, scores, bench.watch);
    std::vector<double> found;
    for (const PathologyScore& score : scores.ctclip) found.push_back(score.probability);
    if (first.empty()) first = found;
    EXPECT_EQ(found, first) << file;
  }
}

TEST(CtClip, KnowsEveryKeyWithoutEffectAndNoOther) {
  for (const auto& key : read_json("ctclip_tiny/keys_without_effect.json")) {
    const auto listed = key.get<std::string>();
    const std::string name = listed.substr(0, listed.find(' '));
    // The bias of the last layer shifts all scores of a head: it has no effect, and it is read all
    // the same.
    if (name == "visual_transformer.spatial_rel_pos_bias.net.2.bias") continue;
    EXPECT_TRUE(has_no_effect(name)) << name;
  }
  EXPECT_TRUE(has_no_effect("text_transformer.embeddings.position_ids"));
  EXPECT_FALSE(has_no_effect("to_visual_latent.weight"));
  EXPECT_FALSE(has_no_effect("visual_transformer.something_new.weight"));
}

TEST(CtClip, RefusesASupervisedCheckpointByTheFirstTensorThatIsMissing) {
  Bench bench;
  try {
    make_ctclip(bench, "supervised_tiny/supervised_tiny.pt");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_model);
    EXPECT_NE(std::string(error.what()).find("visual_transformer"), std::string::npos)
        << error.what();
  }
}

TEST(Supervised, ReplaysLogitsAndProbabilities) {
  Bench bench;
  const Supervised detector(golden_weights("supervised_tiny/supervised_tiny.pt"), kTiny,
                            bench.engine);
  Scores scores;
  detector.run({input_volume(), bench.work}, scores, bench.watch);
  EXPECT_TRUE(all_close(scores.supervised_latent,
                        read_npy(golden("supervised_tiny/image_latent.npy")).values, 2e-6));

  Tensor latent = Tensor::uninitialised({512});
  std::ranges::copy(scores.supervised_latent, latent.data());
  Tensor normed;
  const std::vector<double> logits = detector.logits(latent, normed);
  // The LayerNorm multiplies a latent of deviation 1/sqrt(512) by 22.6.
  EXPECT_TRUE(all_close(normed, read_npy(golden("supervised_tiny/image_latent_layernorm.npy")),
                        2e-6 * 22.6));
  const NpyArray expected = read_npy(golden("supervised_tiny/logits.npy"));
  const NpyArray probabilities = read_npy(golden("supervised_tiny/probabilities.npy"));
  const auto names = read_json("supervised_tiny/target_pathologies.json").at("target_pathologies");
  ASSERT_EQ(logits.size(), expected.values.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_NEAR(logits[i], expected.values[i], kLogits);
    EXPECT_NEAR(scores.supervised[i].probability, probabilities.values[i], kProbabilities);
    EXPECT_EQ(scores.supervised[i].name, names[i]);
  }
}

TEST(Supervised, RefusesAHeadWithoutItsEncoder) {
  Bench bench;
  EXPECT_THROW(Supervised(golden_weights("supervised_tiny/supervised_tiny_extra_entries.pt"), kTiny,
                          bench.engine),
               Error);
}

Geometry3d small_target() {
  Geometry3d geometry;
  geometry.vit = {34, 56, 60, 1, 1};
  return geometry;
}

// README of the golden data: 1e-5 where voxels are interpolated (float32 positions), 1e-6 where
// they are only scaled.
constexpr double kInterpolated = 1e-5;
constexpr double kScaled = 1e-6;

Tensor prepare_nifti(const std::string& name, const Geometry3d& geometry, Bench& bench) {
  Limits limits;
  limits.min_slices = 1;
  const Assembly assembly = read_nifti(golden("preprocess/" + name), limits, bench.watch);
  return prepare(assembly.volume, geometry, bench.pool, bench.watch);
}

TEST(PrepareGolden, ReplaysEveryNiftiVolume) {
  Bench bench;
  for (const char* name : {"vol_a_120x110x37", "vol_b_40x36x24", "vol_c_67x93x51", "vol_d_75x50x60",
                           "vol_e_48x48x12", "vol_f_56x60x34_identity"}) {
    const Tensor tensor = prepare_nifti(std::string(name) + ".nii.gz", small_target(), bench);
    const bool identity = std::string_view(name).ends_with("identity");
    EXPECT_TRUE(all_close(tensor,
                          read_npy(golden("preprocess/" + std::string(name) + "_tensor.npy")),
                          identity ? kScaled : kInterpolated))
        << name;
  }
}

TEST(PrepareGolden, AnUncompressedFileGivesTheSame) {
  Bench bench;
  const Tensor packed = prepare_nifti("vol_b_40x36x24.nii.gz", small_target(), bench);
  const Tensor plain = prepare_nifti("vol_b_40x36x24_uncompressed.nii", small_target(), bench);
  EXPECT_TRUE(std::ranges::equal(packed.values(), plain.values()));
}

TEST(PrepareGolden, ReplaysEveryStoredType) {
  Bench bench;
  for (const char* type : {"uint8", "scaled_int16", "uint16", "int32", "float32", "float64"}) {
    const std::string name = std::string("vol_g_") + type;
    const Tensor tensor = prepare_nifti(name + ".nii.gz", small_target(), bench);
    const NpyArray expected =
        read_npy(golden("preprocess/" + name + "_tensor.npy"));  // [:, 10:20, 6:50, 10:50]
    std::vector<float> window;
    for (int64_t d = 10; d < 20; ++d) {
      for (int64_t h = 6; h < 50; ++h) {
        for (int64_t w = 10; w < 50; ++w) window.push_back(tensor.data()[(d * 56 + h) * 60 + w]);
      }
    }
    EXPECT_TRUE(all_close(window, expected.values, kInterpolated)) << name;
  }
}

TEST(PrepareGolden, ReplaysTheRealTarget) {
  Bench bench;
  const Tensor tensor = prepare_nifti("vol_a_120x110x37.nii.gz", Geometry3d{}, bench);
  std::vector<float> block;
  for (int64_t d = 85; d < 109; ++d) {
    for (int64_t h = 160; h < 208; ++h) {
      for (int64_t w = 265; w < 313; ++w) block.push_back(tensor.data()[(d * 480 + h) * 480 + w]);
    }
  }
  const NpyArray expected = read_npy(golden("preprocess/vol_a_120x110x37_full_sub_block.npy"));
  EXPECT_TRUE(all_close(block, expected.values, kInterpolated));

  std::vector<std::vector<double>> sums = {std::vector<double>(240), std::vector<double>(480),
                                           std::vector<double>(480)};
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const double value = tensor.data()[i];
    sums[0][static_cast<std::size_t>(i / (480 * 480))] += value / (480 * 480);
    sums[1][static_cast<std::size_t>(i / 480 % 480)] += value / (240 * 480);
    sums[2][static_cast<std::size_t>(i % 480)] += value / (240 * 480);
  }
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::string name =
        std::string("preprocess/vol_a_120x110x37_full_mean_per_") + "dhw"[axis] + "_f64.npy";
    const std::vector<float> found(sums[axis].begin(), sums[axis].end());
    EXPECT_TRUE(all_close(found, read_npy(golden(name)).values, kInterpolated)) << name;
  }
}

TEST(PrepareGolden, TooFewSlicesAreRefusedWithTheirNumber) {
  Bench bench;
  try {
    prepare_nifti("vol_h_too_few_slices.nii.gz", small_target(), bench);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_few_slices);
  }
}

TEST(DicomGolden, ReplaysEveryTensorFromItsZip) {
  Bench bench;
  for (const char* name : {"s01_base", "s06_slope2", "s07_identity_spacing",
                           "s08_anisotropic_pixel_spacing", "s23_descending_z_sorted"}) {
    StudyFacts facts;
    StudyOptions options;
    options.any_anatomy = true;
    const std::string base = std::string("dicom/") + name;
    const Volume volume =
        load_study(golden(base + ".zip"), options, bench.pool, bench.watch, facts);
    const Tensor tensor = prepare(volume, small_target(), bench.pool, bench.watch);
    const bool identity = std::string_view(name) == "s07_identity_spacing";
    EXPECT_TRUE(all_close(tensor, read_npy(golden(base + "_tensor.npy")),
                          identity ? kScaled : kInterpolated))
        << name;
  }
}

}  // namespace
}  // namespace ctclip
