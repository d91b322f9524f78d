#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "golden.h"
#include "pipeline/analyser.h"
#include "pipeline/anomaly_stage.h"

namespace ctclip {
namespace {

using testing::Bench;
using testing::golden;

Bundle bundle_with(bool classifier, bool denoiser) {
  Bundle bundle;
  bundle.anomaly.image_size = 64;
  bundle.anomaly.reconstruction.slices = 2;
  bundle.anomaly.reconstruction.steps = 3;
  if (classifier) {
    bundle.files[Role::diffusion_classifier] = {
        golden("diffusion_classifier_tiny/classifier_tiny.pt"), ""};
  }
  if (denoiser) {
    bundle.files[Role::diffusion_unet] = {golden("diffusion_unet_tiny/unet_tiny.pt"), ""};
  }
  return bundle;
}

Scores run(const Bundle& bundle, bool wanted, const AnalysisRequest& request) {
  Bench bench;
  const AnomalyStage stage(bundle, bench.engine, wanted);
  Scores scores;
  stage.run(request, Tensor::zeros({20, 64, 64}), bench.work, scores, bench.watch);
  return scores;
}

TEST(AnomalyStage, RunsWhatTheBundleHasAndTheStudyNeeds) {
  const Scores none = run(bundle_with(false, false), false, {});
  EXPECT_FALSE(none.diffusion_classifier || none.diffusion_reconstruction);
  EXPECT_TRUE(describe_anomaly(none, {}).empty());

  const Scores classified = run(bundle_with(true, true), false, {});
  EXPECT_TRUE(classified.diffusion_classifier.has_value());
  EXPECT_FALSE(classified.diffusion_reconstruction.has_value());

  const Scores wanted = run(bundle_with(true, true), true, {});
  EXPECT_TRUE(wanted.diffusion_reconstruction.has_value());
  EXPECT_EQ(wanted.reconstructed, nullptr);

  AnalysisRequest request;
  request.reconstruction = true;
  EXPECT_TRUE(run(bundle_with(true, true), false, request).diffusion_reconstruction.has_value());
  request = {};
  request.maps = "somewhere";
  EXPECT_NE(run(bundle_with(true, true), false, request).reconstructed, nullptr);
}

TEST(AnomalyStage, AnnouncesWhatItCanMake) {
  Bench bench;
  Scores scores;
  AnomalyStage(bundle_with(true, false), bench.engine, true).announce(scores);
  EXPECT_TRUE(scores.diffusion_classifier.has_value());
  EXPECT_FALSE(scores.diffusion_reconstruction.has_value());
  AnomalyStage(bundle_with(true, true), bench.engine, false).announce(scores);
  EXPECT_TRUE(scores.diffusion_reconstruction.has_value());
}

TEST(AnomalyStage, RefusesBeforeAnyWorkWhatItCannotDo) {
  Bench bench;
  AnalysisRequest request;
  request.reconstruction = true;
  const AnomalyStage without(bundle_with(true, false), bench.engine, false);
  EXPECT_THROW(without.check(request), Error);
  const AnomalyStage with(bundle_with(true, true), bench.engine, false);
  EXPECT_NO_THROW(with.check(request));
  request.reconstruction_slices = 0;
  EXPECT_THROW(with.check(request), Error);
  request.reconstruction_slices = 4;
  request.reconstruction_steps = 1;
  EXPECT_THROW(with.check(request), Error);
  Bundle senseless = bundle_with(true, true);
  senseless.anomaly.reconstruction.noise_level = 1001;
  EXPECT_THROW(AnomalyStage(senseless, bench.engine, false), Error);
}

TEST(AnomalyStage, AnAnswerSaysWhenItWasMadeInAnotherWayThanTheBundles) {
  const Bundle bundle = bundle_with(true, true);
  const auto usual = describe_anomaly(run(bundle, true, {}), bundle.anomaly);
  EXPECT_EQ(usual["reconstruction"]["settings_are_the_bundles"], true);
  EXPECT_EQ(usual["classifier"]["slices"].size(), 18U);
  EXPECT_EQ(usual["classifier"]["planes"].size(), 18U);

  AnalysisRequest request;
  request.reconstruction_slices = 1;
  request.reconstruction_steps = 2;
  request.classifier_scale = 10;
  const auto other = describe_anomaly(run(bundle, true, request), bundle.anomaly);
  EXPECT_EQ(other["reconstruction"]["settings_are_the_bundles"], false);
  EXPECT_EQ(other["reconstruction"]["settings"]["slices"], 1);
  EXPECT_EQ(other["reconstruction"]["settings"]["steps"], 2);
  EXPECT_EQ(other["reconstruction"]["settings"]["classifier_scale"], 10);
  EXPECT_EQ(other["reconstruction"]["slices"].size(), 1U);
}

class AnomalyBundle : public ::testing::Test {
 protected:
  // Files that a bundle must have; nothing opens them here.
  void SetUp() override {
    for (const char* name : {"CT_VocabFine_v2.pt", "supervised_model.pt", "vocab.txt",
                             "lightgbm_model.txt", "ct_classifier.pt", "diffusion_checkpoint.pt"}) {
      std::ofstream(folder_.path() / name) << name;
    }
  }
  void TearDown() override { unsetenv("CLASSIFIER_SCALE"); }
  testing::TempDir folder_;
};

TEST_F(AnomalyBundle, DeployedNamesAndTheScaleOfTheEnvironment) {
  const Bundle usual = open_bundle(folder_.path());
  EXPECT_EQ(usual.files.at(Role::diffusion_classifier).path.filename(), "ct_classifier.pt");
  EXPECT_EQ(usual.files.at(Role::diffusion_unet).path.filename(), "diffusion_checkpoint.pt");
  EXPECT_EQ(usual.anomaly.reconstruction, ReconstructionSettings{});

  setenv("CLASSIFIER_SCALE", "12.5", 1);
  EXPECT_EQ(open_bundle(folder_.path()).anomaly.reconstruction.scale, 12.5);
  setenv("CLASSIFIER_SCALE", "strong", 1);
  EXPECT_THROW(open_bundle(folder_.path()), Error);
}

TEST_F(AnomalyBundle, BothFilesAreOptionalButTheDenoiserNeedsItsGuide) {
  std::filesystem::remove(folder_.path() / "diffusion_checkpoint.pt");
  EXPECT_NO_THROW(open_bundle(folder_.path()));
  std::ofstream(folder_.path() / "diffusion_checkpoint.pt") << "x";
  std::filesystem::remove(folder_.path() / "ct_classifier.pt");
  EXPECT_THROW(open_bundle(folder_.path()), Error);
}

TEST_F(AnomalyBundle, WhatIsWrittenIsReadAgain) {
  Bundle bundle = open_bundle(folder_.path());
  bundle.anomaly = {64, 32, 2, {8, 10, 400, 50}};
  const std::string hash = bundle_hash(bundle);
  write_bundle(bundle, folder_.path());
  const Bundle read = open_bundle(folder_.path());
  EXPECT_EQ(read.anomaly.image_size, 64);
  EXPECT_EQ(read.anomaly.classifier_head_size, 32);
  EXPECT_EQ(read.anomaly.unet_heads, 2);
  EXPECT_EQ(read.anomaly.reconstruction, bundle.anomaly.reconstruction);
  EXPECT_EQ(bundle_hash(read), hash);
  bundle.anomaly.reconstruction.scale = 51;
  EXPECT_NE(bundle_hash(bundle), hash);
}

}  // namespace
}  // namespace ctclip
