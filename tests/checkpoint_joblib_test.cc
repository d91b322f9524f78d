#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/joblib.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::golden;
using ::testing::HasSubstr;

std::filesystem::path pickled(const std::string& name) {
  return golden("lightgbm/pickles/" + name);
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class MainModel : public ::testing::TestWithParam<const char*> {};

TEST_P(MainModel, HoldsTheTextOfTheModel) {
  const auto model = read_pickled_lightgbm(pickled(GetParam()) / "lightgbm_model.pkl");
  EXPECT_EQ(model.model_text, read_text(golden("lightgbm/lgbm_binary.txt")));
  EXPECT_EQ(model.best_iteration, 0);
  EXPECT_TRUE(model.mean.empty());
  EXPECT_TRUE(model.feature_names.empty());
}

INSTANTIATE_TEST_SUITE_P(Files, MainModel,
                         ::testing::Values("classifier", "classifier_compress3", "pipeline",
                                           "pipeline_compress3"));

class SameModel : public ::testing::TestWithParam<const char*> {};

TEST_P(SameModel, IsReadFromEveryWriter) {
  const auto model = read_pickled_lightgbm(pickled("small") / GetParam());
  EXPECT_EQ(model.model_text, read_pickled_lightgbm(pickled("small/base.pkl")).model_text);
  EXPECT_THAT(model.model_text, ::testing::StartsWith("tree\n"));
}

INSTANTIATE_TEST_SUITE_P(Files, SameModel,
                         ::testing::Values("base_bz2.pkl", "base_handle_key.pkl",
                                           "base_joblib_p2.pkl", "base_joblib_p5.pkl",
                                           "base_lzma.pkl", "base_numpy2.pkl", "base_plain_p3.pkl",
                                           "base_plain_p4.pkl", "base_plain_p5.pkl",
                                           "base_zlib.pkl"));

TEST(Joblib, EveryGoldenPickleIsRead) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(pickled("small"))) {
    if (entry.path().extension() != ".pkl") continue;
    EXPECT_THAT(read_pickled_lightgbm(entry.path()).model_text,
                ::testing::AllOf(::testing::StartsWith("tree\n"), HasSubstr("end of trees")))
        << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 21);
}

}  // namespace
}  // namespace ctclip
