#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/joblib.h"
#include "pickles.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::golden;
using ::testing::HasSubstr;
using testing::pickled_text;
using namespace std::string_literals;

std::filesystem::path pickled(const std::string& name) {
  return golden("lightgbm/pickles/"s + name);
}

class MainModel : public ::testing::TestWithParam<const char*> {};

TEST_P(MainModel, HoldsTheTextOfTheModel) {
  const auto model = read_pickled_lightgbm(pickled(GetParam()) / "lightgbm_model.pkl");
  EXPECT_EQ(model.model_text, testing::read_bytes(golden("lightgbm/lgbm_binary.txt")));
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

TEST(Joblib, ScalerBeforeTheClassifier) {
  const auto model = read_pickled_lightgbm(pickled("small/pipeline_scaler.pkl"));
  // The raw doubles at offsets 944 and 1136 of the file.
  EXPECT_THAT(model.mean, ::testing::ElementsAre(0.26040220672438286, 0.3264215845175648,
                                                 0.3132753115488799, 0.26254710221361377));
  EXPECT_THAT(model.scale, ::testing::ElementsAre(0.225663492449456, 0.21382126873900265,
                                                  0.20830096774658938, 0.1248091209712629));
  EXPECT_THAT(model.feature_names,
              ::testing::ElementsAre("supervised_cancer", "ctclip_Pleural effusion",
                                     "ctclip_Postoperative changes (lobectomy or pneumonectomy)",
                                     "supervised_mean_probability"));
}

TEST(Joblib, BestIterationOfABooster) {
  EXPECT_EQ(read_pickled_lightgbm(pickled("small/booster_best_iteration.pkl")).best_iteration, 10);
  EXPECT_EQ(read_pickled_lightgbm(pickled("small/booster.pkl")).best_iteration, 0);
}

class HostilePickle : public ::testing::Test {
 protected:
  std::string refusal(const std::string& bytes) {
    testing::write_bytes(path_, bytes);
    try {
      read_pickled_lightgbm(path_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model);
      return error.what();
    }
    return "was read";
  }
  /// An instance of a class with the pickled state `{...}`.
  static std::string instance(const std::string& module, const std::string& name,
                              const std::string& state = "}") {
    return "c"s + module + "\n"s + name + "\n)\x81"s + state + "b";
  }
  static std::string booster() {
    return instance("lightgbm.basic", "Booster",
                    "}("s + pickled_text("_handle") + pickled_text("tree\n") + "u");
  }
  static std::string pipeline(const std::string& step) {
    return instance("sklearn.pipeline", "Pipeline",
                    "}("s + pickled_text("steps") + "]("s + pickled_text("first") + step + "\x86"s +
                        pickled_text("last") + booster() + "\x86"s + "eu");
  }

  testing::TempDir folder_;
  std::filesystem::path path_ = folder_.path() / "lightgbm_model.pkl";
};

TEST_F(HostilePickle, OnlyWhatAModelIsMadeOfIsAllowed) {
  EXPECT_EQ(refusal("\x80\x02"s + booster() + "."), "was read");
  EXPECT_THAT(refusal("\x80\x02"
                      "cos\nsystem\n("s +
                      pickled_text("id") + "tR."),
              HasSubstr("wants to run os.system"));
  EXPECT_THAT(refusal("\x80\x02"s + instance("evil", "Thing") + "."),
              HasSubstr("makes a evil.Thing"));
  EXPECT_THAT(refusal("\x80\x02"s + instance("joblib", "load") + "."), HasSubstr("joblib.load"));
}

TEST_F(HostilePickle, StepsThatCannotBeFollowedAreNamed) {
  EXPECT_EQ(refusal("\x80\x02"s + pipeline("N") + "."), "was read");
  EXPECT_EQ(refusal("\x80\x02"s + pipeline(pickled_text("passthrough")) + "."), "was read");
  const std::string other =
      refusal("\x80\x02"s + pipeline(instance("sklearn.impute._base", "SimpleImputer")) + ".");
  EXPECT_THAT(other, HasSubstr("step 'first' is an object (sklearn.impute._base.SimpleImputer)"));
  EXPECT_THAT(other, HasSubstr(path_.string()));
  EXPECT_THAT(refusal("\x80\x02"s +
                      pipeline(instance("sklearn.preprocessing._data", "StandardScaler")) + "."),
              HasSubstr("StandardScaler has no mean_"));
}

TEST_F(HostilePickle, OtherThingsThanAModel) {
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("\x80\x02]."), HasSubstr("expected an LGBMClassifier"));
  EXPECT_THAT(refusal("\x80\x02"s + instance("lightgbm.sklearn", "LGBMRegressor") + "."),
              HasSubstr("LGBMRegressor"));
  EXPECT_THAT(refusal("\x80\x02"s + instance("lightgbm.sklearn", "LGBMClassifier") + "."),
              HasSubstr("never fitted"));
  EXPECT_THAT(refusal("\x80\x02"s + instance("lightgbm.basic", "Booster") + "."),
              HasSubstr("no model text"));
  EXPECT_THAT(refusal("\x04\x22\x4d\x18xxxx"), HasSubstr("lz4"));
  EXPECT_THAT(refusal("tree\nversion=v4\n"), HasSubstr("pickle"));
}

class DamagedPickle : public ::testing::TestWithParam<const char*> {};

TEST_P(DamagedPickle, NeverEndsInAnythingButAnError) {
  const testing::TempDir folder;
  const auto copy = folder.path() / "model.pkl";
  const std::string whole = testing::read_bytes(pickled("small") / GetParam());
  int refused = 0;
  testing::damage(whole, copy, 300, [&](bool) {
    try {
      read_pickled_lightgbm(copy);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model) << error.what();
      ++refused;
    }
  });
  EXPECT_GT(refused, 300);
}

INSTANTIATE_TEST_SUITE_P(Files, DamagedPickle,
                         ::testing::Values("base.pkl", "base_zlib.pkl", "base_bz2.pkl",
                                           "base_lzma.pkl", "base_joblib_p2.pkl",
                                           "base_plain_p5.pkl", "pipeline_scaler.pkl"));

}  // namespace
}  // namespace ctclip
