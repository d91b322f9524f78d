#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "checkpoint/joblib.h"
#include "fusion/lightgbm_model.h"

namespace ctclip::lightgbm {
namespace {

/// Text models are kilobytes to some megabytes; more than this is no model of this program's kind.
constexpr std::uintmax_t kMaxTextBytes = 512U << 20U;

bool is_text_model(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path.string(), "cannot be opened");
  std::array<char, 6> first{};
  file.read(first.data(), first.size());
  const std::string_view start(first.data(), static_cast<std::size_t>(file.gcount()));
  return start.starts_with("tree\n") || start.starts_with("tree\r\n");
}

std::string read_text(const std::filesystem::path& path) {
  std::error_code problem;
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (problem) refuse(path.string(), "cannot be read: " + problem.message());
  if (size > kMaxTextBytes) {
    refuse(path.string(),
           fmt::format("{} bytes, expected a LightGBM model of at most {}", size, kMaxTextBytes));
  }
  std::string text(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) {
    refuse(path.string(), "cannot be read");
  }
  return text;
}

void check_scaler(const PickledLightGbm& pickled, std::size_t features, const std::string& origin) {
  const auto right_size = [&](std::size_t size) { return size == 0 || size == features; };
  if (!right_size(pickled.mean.size()) || !right_size(pickled.scale.size())) {
    refuse(origin, fmt::format("its StandardScaler has {} means and {} scales, the model {} "
                               "features",
                               pickled.mean.size(), pickled.scale.size(), features));
  }
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::ranges::all_of(pickled.mean, finite) || !std::ranges::all_of(pickled.scale, finite) ||
      std::ranges::find(pickled.scale, 0.0) != pickled.scale.end()) {
    refuse(origin, "its StandardScaler has a mean or a scale that is zero or not finite");
  }
}

}  // namespace

Model Model::load(const std::filesystem::path& path) {
  const std::string origin = path.string();
  if (is_text_model(path)) return parse(read_text(path), origin);

  PickledLightGbm pickled = read_pickled_lightgbm(path);
  Model model = parse(pickled.model_text, origin);
  Impl& impl = *model.impl_;
  check_scaler(pickled, impl.names.size(), origin);
  impl.mean = std::move(pickled.mean);
  impl.scale = std::move(pickled.scale);
  if (!pickled.feature_names.empty()) {
    if (pickled.feature_names.size() != impl.names.size()) {
      refuse(origin, fmt::format("the pipeline has {} feature names, its model {} features",
                                 pickled.feature_names.size(), impl.names.size()));
    }
    impl.names = std::move(pickled.feature_names);
  }
  if (pickled.best_iteration > 0) {
    const std::size_t iterations = impl.trees.size() / impl.outputs;
    const auto best = std::min(iterations, static_cast<std::size_t>(pickled.best_iteration));
    impl.trees.erase(impl.trees.begin() + static_cast<std::ptrdiff_t>(best * impl.outputs),
                     impl.trees.end());
    impl.finish();
  }
  return model;
}

}  // namespace ctclip::lightgbm
