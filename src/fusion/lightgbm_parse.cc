#include <fmt/format.h>

#include <algorithm>

#include "fusion/lightgbm_model.h"

namespace ctclip::lightgbm {
namespace {

constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();

void skip_empty(Lines& lines) {
  while (lines.peek() == "") lines.skip();
}

/// The first line is "tree", then the header's lines.
Fields read_header(Lines& lines, const std::string& origin) {
  skip_empty(lines);
  if (lines.peek() != "tree") {
    refuse(origin, "expected a LightGBM text model, whose first line is \"tree\"");
  }
  lines.skip();
  Fields header(lines, origin, "header");
  const std::string_view version = header.text("version");
  if (version != "v3" && version != "v4") {
    refuse(origin, "header: expected version=v3 or v4, found another one");
  }
  return header;
}

std::vector<std::string> read_names(const Fields& header) {
  const int32_t last = header.integer("max_feature_idx", 0, kMaxInt - 1);
  const auto names = split_names(header.text("feature_names"));
  if (names.size() != static_cast<std::size_t>(last) + 1) {
    header.refuse(fmt::format("feature_names has {} names, max_feature_idx={} wants {}",
                              names.size(), last, static_cast<int64_t>(last) + 1));
  }
  if (std::ranges::any_of(names, &std::string_view::empty)) {
    header.refuse("feature_names has an empty name");
  }
  return {names.begin(), names.end()};
}

Objective read_objective(const Fields& header, std::size_t outputs) {
  const std::string_view line = header.contains("objective") ? header.text("objective") : "";
  const auto objective = Objective::parse(line, outputs);
  if (!objective) {
    header.refuse(fmt::format(
        "objective=\"{}\" is unknown or does not go with {} score(s) for each row", line, outputs));
  }
  return *objective;
}

/// Blocks "Tree=0", "Tree=1", ... up to "end of trees".
std::vector<Tree> read_trees(Lines& lines, const std::string& origin, std::size_t features) {
  std::vector<Tree> trees;
  for (;;) {
    skip_empty(lines);
    const auto line = lines.peek();
    if (line == "end of trees") break;
    const std::string block = fmt::format("Tree={}", trees.size());
    if (line != block) {
      refuse(origin, fmt::format("expected \"{}\" or \"end of trees\", found {}", block,
                                 line ? "another line" : "the end of the file"));
    }
    lines.skip();
    trees.emplace_back(Fields(lines, origin, block), features);
  }
  lines.skip();
  return trees;
}

/// Of the parameters section, only whether the trees were trained as linear ones matters.
bool read_linear_tree(Lines& lines, const std::string& origin) {
  bool inside = false;
  bool linear = false;
  for (; const auto line = lines.peek(); lines.skip()) {
    if (line == "parameters:") inside = true;
    if (inside && line == "[linear_tree: 1]") linear = true;
    if (line == "end of parameters") return linear;
  }
  if (inside) refuse(origin, "the file ends inside its parameters section");
  return false;
}

void check_tree_count(const Fields& header, std::size_t trees, std::size_t outputs) {
  if (trees == 0 || trees % outputs != 0) {
    header.refuse(fmt::format("{} trees for num_tree_per_iteration={}", trees, outputs));
  }
  // The sizes are never used (line ends may have changed), but how many there are tells of a cut.
  if (!header.contains("tree_sizes")) return;
  const std::size_t sizes = split_names(header.text("tree_sizes")).size();
  if (sizes != trees) {
    header.refuse(fmt::format("tree_sizes has {} items, the file {} trees", sizes, trees));
  }
}

std::string why_no_contributions(const std::vector<Tree>& trees, bool linear_tree_parameter) {
  if (linear_tree_parameter) {
    return "SHAP values are not defined for a model trained with linear_tree";
  }
  for (std::size_t i = 0; i < trees.size(); ++i) {
    if (!trees[i].has_counts()) {
      return fmt::format(
          "SHAP values need leaf_count and internal_count of at least 1; Tree={} "
          "lacks them",
          i);
    }
    if (trees[i].depth() > Model::kMaxContributionDepth) {
      return fmt::format("SHAP values are computed for trees up to {} splits deep; Tree={} has {}",
                         Model::kMaxContributionDepth, i, trees[i].depth());
    }
  }
  return "";
}

}  // namespace

void Model::Impl::finish() {
  no_contributions = why_no_contributions(trees, linear_tree_parameter);
  expected.assign(outputs, 0);
  if (!no_contributions.empty()) return;
  for (std::size_t i = 0; i < trees.size(); ++i) expected[i % outputs] += trees[i].expected_value();
}

Model Model::parse(std::string_view text, const std::string& origin) {
  Lines lines(text);
  const Fields header = read_header(lines, origin);
  auto impl = std::make_unique<Impl>();
  impl->origin = origin;
  impl->names = read_names(header);
  impl->outputs = static_cast<std::size_t>(header.integer("num_tree_per_iteration", 1, kMaxInt));
  impl->objective = read_objective(header, impl->outputs);
  impl->average_output = header.contains("average_output");
  impl->trees = read_trees(lines, origin, impl->names.size());
  check_tree_count(header, impl->trees.size(), impl->outputs);
  impl->linear_tree_parameter = read_linear_tree(lines, origin);
  impl->finish();
  return Model(std::move(impl));
}

}  // namespace ctclip::lightgbm
