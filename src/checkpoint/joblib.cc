#include "checkpoint/joblib.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "checkpoint/inflate.h"
#include "checkpoint/numpy_pickle.h"
#include "checkpoint/pickle.h"

namespace ctclip {
namespace {

using pickle::Document;
using pickle::Kind;
using pickle::Ref;

/// A model of 1000 trees of 255 leaves takes some 30 MB.
constexpr uint64_t kMaxBytes = uint64_t{256} << 20U;

/// What these files are made of; a dot at the end means all below. Other classes of scikit-learn
/// and LightGBM may be described so that they can be refused by what they are.
constexpr auto kAllowed = std::to_array<std::string_view>(
    {"_codecs.encode", "collections.Counter", "collections.OrderedDict", "collections.defaultdict",
     "functools.partial", "joblib.numpy_pickle.NumpyArrayWrapper", "lightgbm.", "numpy.dtype",
     "numpy.ndarray", "numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar",
     "numpy.core.numeric._frombuffer", "numpy.random._pickle.", "sklearn."});

bool may_call(std::string_view name) {
  const std::string plain = pickle::numpy1_name(name);
  return std::any_of(kAllowed.begin(), kAllowed.end(), [&](std::string_view allowed) {
    return allowed.ends_with('.') ? plain.starts_with(allowed) : plain == allowed;
  });
}

/// Reads what the pickle describes.
class Reader {
 public:
  Reader(std::string path, const Document& document) : path_(std::move(path)), doc_(document) {}

  PickledLightGbm read(Ref root) {
    if (made_by(root) == "sklearn.pipeline.Pipeline") {
      read_pipeline(root);
    } else {
      read_model(root);
      result_.feature_names = feature_names(root);
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Code::bad_model, path_ + ": " + what);
  }
  std::string_view made_by(Ref ref) const { return doc_.made_by(ref); }
  std::optional<Ref> attribute(Ref object, std::string_view name) const {
    return doc_.find(doc_[object].state, name);
  }

  void read_pipeline(Ref pipeline) {
    const auto steps = attribute(pipeline, "steps");
    if (!steps || doc_[*steps].kind != Kind::list || doc_[*steps].items.empty()) {
      refuse("the pipeline has no list of steps");
    }
    const std::vector<Ref>& items = doc_[*steps].items;
    for (const Ref item : items) {
      if (doc_[item].kind != Kind::tuple || doc_[item].items.size() != 2) {
        refuse("expected a step of the pipeline as (name, estimator), found " +
               doc_.describe(item));
      }
    }
    for (std::size_t i = 0; i + 1 < items.size(); ++i) read_step(doc_[items[i]].items);
    read_model(doc_[items.back()].items[1]);
    result_.feature_names = feature_names(doc_[items.front()].items[1]);
  }

  void read_step(const std::vector<Ref>& step) {
    const Ref estimator = step[1];
    if (doc_[estimator].kind == Kind::none || doc_[estimator].text == "passthrough") return;
    const std::string_view made = made_by(estimator);
    const bool is_scaler =
        made.starts_with("sklearn.preprocessing.") && made.ends_with(".StandardScaler");
    if (!is_scaler || !result_.scale.empty()) {
      refuse("the pipeline's step '" + quotable(doc_[step[0]].text) + "' is " +
             doc_.describe(estimator) +
             "; expected one StandardScaler, \"passthrough\" or nothing before the classifier");
    }
    read_scaler(estimator);
  }

  void read_scaler(Ref scaler) {
    const auto numbers = [&](const char* flag, const char* name) -> std::vector<double> {
      const auto on = attribute(scaler, flag);
      if (on && doc_[*on].kind == Kind::boolean && doc_[*on].integer == 0) return {};
      const auto array = attribute(scaler, name);
      auto values = array ? pickle::array_of_numbers(doc_, *array) : std::nullopt;
      if (!values || values->empty()) refuse(fmt::format("the StandardScaler has no {}", name));
      return std::move(*values);
    };
    std::vector<double> mean = numbers("with_mean", "mean_");
    std::vector<double> scale = numbers("with_std", "scale_");
    if (mean.empty() && scale.empty()) return;
    if (mean.empty()) mean.assign(scale.size(), 0.0);
    if (scale.empty()) scale.assign(mean.size(), 1.0);
    const bool usable =
        std::all_of(mean.begin(), mean.end(), [](double m) { return std::isfinite(m); }) &&
        std::all_of(scale.begin(), scale.end(),
                    [](double s) { return std::isfinite(s) && s != 0; });
    if (mean.size() != scale.size() || !usable) {
      refuse(
          fmt::format("the StandardScaler has {} means and {} scales, expected as many and all "
                      "finite, no scale 0",
                      mean.size(), scale.size()));
    }
    result_.mean = std::move(mean);
    result_.scale = std::move(scale);
  }

  void read_model(Ref model) {
    if (made_by(model) == "lightgbm.basic.Booster") return read_booster(model);
    if (made_by(model) != "lightgbm.sklearn.LGBMClassifier") {
      refuse("expected an LGBMClassifier, a Booster or a Pipeline that ends with one, found " +
             doc_.describe(model));
    }
    const auto booster = attribute(model, "_Booster");
    if (!booster || made_by(*booster) != "lightgbm.basic.Booster") {
      refuse("the LGBMClassifier was never fitted: it has no Booster");
    }
    read_booster(*booster);
  }

  void read_booster(Ref booster) {
    auto text = attribute(booster, "_handle");
    if (!text) text = attribute(booster, "handle");  // before LightGBM 4
    if (!text || doc_[*text].kind != Kind::text || !is_utf8(doc_[*text].text)) {
      refuse("the Booster holds no model text");
    }
    result_.model_text = doc_[*text].text;
    const auto best = attribute(booster, "best_iteration");
    const int64_t iteration = best ? pickle::integer_of(doc_, *best).value_or(0) : 0;
    result_.best_iteration = static_cast<int>(std::clamp<int64_t>(iteration, 0, 1'000'000'000));
  }

  std::vector<std::string> feature_names(Ref estimator) const {
    const auto array = attribute(estimator, "feature_names_in_");
    if (!array) return {};
    auto names = pickle::array_of_texts(doc_, *array);
    if (!names) refuse("feature_names_in_ is expected to be an array of strings");
    return std::move(*names);
  }

  std::string path_;
  const Document& doc_;
  PickledLightGbm result_;
};

}  // namespace

PickledLightGbm read_pickled_lightgbm(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_unpacked(path, kMaxBytes);
  ByteInput input(path.string(), bytes);
  if (bytes.empty()) input.refuse("is empty, expected a pickle");
  pickle::Policy nested;
  nested.may_call = may_call;
  nested.max_bytes = kMaxBytes;
  pickle::Policy policy = nested;
  policy.built = [&](Document& document, Ref built, ByteInput& in) {
    pickle::read_joblib_array(document, built, in, nested);
  };
  Document document;
  const Ref root = pickle::load(document, input, policy);
  return Reader(path.string(), document).read(root);
}

}  // namespace ctclip
