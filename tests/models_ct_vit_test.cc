#include "models/ct_vit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/error.h"
#include "golden.h"
#include "models/image_encoder.h"

namespace ctclip {
namespace {

using testing::all_close;
using testing::Bench;
using testing::golden;
using testing::golden_weights;

// The reference and this program each differ from float64 arithmetic by up to 1.4e-5 in the tokens
// (facts.json, "vq_input"); an order of magnitude above that is what two float32 computations with
// other summation orders may differ by.
constexpr double kTokens = 2e-4;
// Unit latents: 32 values of about 0.18, float32 epsilon 1.2e-7, sums of 1,024 terms (facts.json:
// 7e-8 against float64).
constexpr double kLatents = 2e-6;

const models::CtVitGeometry kTiny{40, 80, 80, 10, 20};

Tensor input_volume() {
  return read_npy(golden("ctclip_tiny/input_volume.npy")).tensor().reshaped(kTiny.volume());
}

NpyArray reference(const std::string& name) {
  return read_npy(golden("ctclip_tiny/" + name + ".npy"));
}

std::map<std::string, Tensor> trace_of(const std::function<void(Bench&)>& run) {
  std::map<std::string, Tensor> seen;
  Bench bench;
  bench.trace = [&](std::string_view step, const Tensor& x) {
    seen.insert_or_assign(std::string(step), x.clone());
  };
  run(bench);
  return seen;
}

// A residual branch's output, from the residual stream before and after it.
Tensor difference(const Tensor& after, const Tensor& before) {
  Tensor branch = after.clone();
  for (int64_t i = 0; i < branch.size(); ++i) branch.data()[i] -= before.data()[i];
  return branch;
}

class CtVitReplay : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    seen_ = new auto(trace_of([](Bench& bench) {
      const models::ImageEncoder encode(golden_weights("ctclip_tiny/ctclip_tiny.pt"), kTiny,
                                        bench.engine);
      const Tensor latent = encode(input_volume(), bench.pass());
      bench.trace("image_latent", latent);
    }));
  }
  static void TearDownTestSuite() { delete seen_; }
  static const Tensor& seen(const std::string& step) { return seen_->at(step); }

  static void check_layers(const std::string& name, Tensor before) {
    for (const char* layer : {"0", "1"}) {
      for (const char* step : {"peg", "attn", "ff"}) {
        const std::string key = name + "_layer" + layer + "_" + step;
        const Tensor& after = seen(key);
        EXPECT_TRUE(all_close(difference(after, before), reference(key + "_branch"), kTokens))
            << key;
        before = after.clone();
      }
    }
  }

  static std::map<std::string, Tensor>* seen_;
};
std::map<std::string, Tensor>* CtVitReplay::seen_ = nullptr;

TEST_F(CtVitReplay, PatchEmbedding) {
  EXPECT_TRUE(all_close(seen("patch_embedding"), reference("patch_embedding"), kTokens));
}

TEST_F(CtVitReplay, SpatialTransformer) {
  check_layers("spatial", seen("patch_embedding").clone());
  EXPECT_TRUE(
      all_close(seen("spatial_transformer_out"), reference("spatial_transformer_out"), kTokens));
}

TEST_F(CtVitReplay, TemporalTransformer) {
  Bench bench;
  check_layers("temporal",
               models::swap_axes(seen("spatial_transformer_out").clone(), bench.pass()));
  EXPECT_TRUE(
      all_close(seen("temporal_transformer_out"), reference("temporal_transformer_out"), kTokens));
}

TEST_F(CtVitReplay, QuantiserInputAndImageLatent) {
  EXPECT_TRUE(all_close(seen("vq_input"), reference("vq_input"), kTokens));
  EXPECT_TRUE(
      all_close(seen("image_embedding_mean_t"), reference("image_embedding_mean_t"), kLatents));
  EXPECT_TRUE(all_close(seen("image_latent_raw"), reference("image_latent_raw"), kLatents));
  EXPECT_TRUE(all_close(seen("image_latent"), reference("image_latent"), kLatents));
}

TEST(CtVit, PositionBiasOfEveryHeadAndPair) {
  Bench bench;
  const Weights weights = golden_weights("ctclip_tiny/ctclip_tiny.pt").scope("visual_transformer");
  const Tensor bias =
      models::position_bias(weights.scope("spatial_rel_pos_bias"), kTiny.grid(), bench.engine);
  EXPECT_TRUE(all_close(bias, reference("spatial_attention_bias"), kTokens));
}

TEST(CtVit, ChoosesExactlyTheReferencesCodes) {
  Bench bench;
  const models::CtVit encode(
      golden_weights("ctclip_tiny/ctclip_tiny.pt").scope("visual_transformer"), kTiny,
      bench.engine);
  const std::vector<int32_t> codes = encode.encode(input_volume(), bench.pass());
  const NpyArray expected = reference("vq_indices");
  EXPECT_EQ(std::vector<double>(codes.begin(), codes.end()), expected.values);

  const NpyArray quantised = reference("vq_quantised");  // rows as stored: equal to the bit
  const auto dim = static_cast<std::size_t>(quantised.shape.back());
  for (std::size_t token = 0; token < codes.size(); ++token) {
    for (std::size_t d = 0; d < dim; ++d) {
      ASSERT_EQ(encode.codebook().row(codes[token])[d], quantised.values[token * dim + d]);
    }
  }
}

TEST(CtVit, GivesTheSameBitsWithAnyNumberOfThreads) {
  const auto latent = [](int threads) {
    ThreadPool pool(threads);
    const nn::Engine engine(pool);
    nn::Workspace work;
    Watch watch;
    const models::ImageEncoder encode(golden_weights("ctclip_tiny/ctclip_tiny.pt"), kTiny, engine);
    const models::Trace no_trace;
    const Tensor out = encode(input_volume(), {engine, work, watch, no_trace});
    return std::vector<float>(out.values().begin(), out.values().end());
  };
  EXPECT_EQ(latent(1), latent(3));
}

TEST(CtVit, GivesTheSameBitsToEveryCallerAtOnce) {
  Bench bench;
  const models::ImageEncoder encode(golden_weights("ctclip_tiny/ctclip_tiny.pt"), kTiny,
                                    bench.engine);
  const Tensor volume = input_volume();
  const Tensor expected = encode(volume, bench.pass());
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      nn::Workspace work;
      Watch watch;
      const models::Trace no_trace;
      for (int round = 0; round < 10; ++round) {
        const Tensor latent = encode(volume, {bench.engine, work, watch, no_trace});
        EXPECT_TRUE(std::ranges::equal(latent.values(), expected.values()));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(CtVit, RefusesAGeometryThatTheWeightsWereNotMadeFor) {
  Bench bench;
  const Weights weights = golden_weights("ctclip_tiny/ctclip_tiny.pt");
  try {
    const models::ImageEncoder encode(weights, {40, 100, 80, 10, 20}, bench.engine);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_model);
    EXPECT_NE(std::string(error.what()).find("to_visual_latent.weight"), std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("[32, 1024]"), std::string::npos) << error.what();
  }
  EXPECT_THROW(models::ImageEncoder(weights, {40, 90, 80, 10, 20}, bench.engine), Error);
}

TEST(CtVit, StopsWhenItsStudyIsCancelled) {
  Bench bench;
  const models::ImageEncoder encode(golden_weights("ctclip_tiny/ctclip_tiny.pt"), kTiny,
                                    bench.engine);
  std::stop_source stop;
  Watch watch(stop.get_token());
  stop.request_stop();
  const models::Trace no_trace;
  EXPECT_THROW(encode(input_volume(), {bench.engine, bench.work, watch, no_trace}), Error);
}

}  // namespace
}  // namespace ctclip
