#include "fusion/random_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/error.h"
#include "fusion/features.h"

namespace ctclip {
namespace {

constexpr int kTrees = 100;
constexpr int kLeaves = 31;
constexpr int kRows = 4000;       // pretended size of the training set
constexpr int kMinLeafRows = 20;  // LightGBM's default min_data_in_leaf

/// The standard distributions differ between libraries; these two do not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(engine_() >> 11U) * 0x1p-53);
  }
  int below(int count) { return static_cast<int>(engine_() % static_cast<uint64_t>(count)); }

 private:
  std::mt19937_64 engine_;
};

struct RandomTree {
  std::vector<int> feature, left, right, internal_count;
  std::vector<double> threshold;
  std::vector<int> leaf_count = {kRows};
  std::vector<int> parent = {-1};  ///< of each leaf
  std::vector<double> leaf_value;
};

int pick_leaf(const RandomTree& tree, Random& random) {
  // One of two random leaves with rows to spare; the largest always has some.
  const auto largest =
      static_cast<int>(std::ranges::max_element(tree.leaf_count) - tree.leaf_count.begin());
  const int candidate = random.below(static_cast<int>(tree.leaf_count.size()));
  return tree.leaf_count[static_cast<std::size_t>(candidate)] >= 2 * kMinLeafRows ? candidate
                                                                                  : largest;
}

/// Splits a leaf as LightGBM does: its number stays with the left child, the right one is new.
void split(RandomTree& tree, int features, Random& random) {
  const int leaf = pick_leaf(tree, random);
  const auto l = static_cast<std::size_t>(leaf);
  const auto node = static_cast<int>(tree.feature.size());
  const auto right = static_cast<int>(tree.leaf_count.size());
  if (const int parent = tree.parent[l]; parent >= 0) {
    const auto p = static_cast<std::size_t>(parent);
    (tree.left[p] == ~leaf ? tree.left[p] : tree.right[p]) = node;
  }
  const int rows = tree.leaf_count[l];
  const int to_left = kMinLeafRows + random.below(rows - 2 * kMinLeafRows + 1);
  tree.feature.push_back(random.below(features));
  tree.threshold.push_back(random.uniform(0.05, 0.95));
  tree.left.push_back(~leaf);
  tree.right.push_back(~right);
  tree.internal_count.push_back(rows);
  tree.leaf_count[l] = to_left;
  tree.leaf_count.push_back(rows - to_left);
  tree.parent[l] = node;
  tree.parent.push_back(node);
}

RandomTree grow(int features, Random& random) {
  RandomTree tree;
  while (tree.leaf_count.size() < kLeaves) split(tree, features, random);
  for (int i = 0; i < kLeaves; ++i) tree.leaf_value.push_back(random.uniform(-0.2, 0.2));
  return tree;
}

std::string block(const RandomTree& tree, int index) {
  const std::vector<int> decision_type(tree.feature.size(), 2);
  return fmt::format(
      "Tree={}\nnum_leaves={}\nnum_cat=0\nsplit_feature={}\nthreshold={:.17g}\n"
      "decision_type={}\nleft_child={}\nright_child={}\nleaf_value={:.17g}\nleaf_count={}\n"
      "internal_count={}\nis_linear=0\nshrinkage=1\n\n\n",
      index, tree.leaf_count.size(), fmt::join(tree.feature, " "), fmt::join(tree.threshold, " "),
      fmt::join(decision_type, " "), fmt::join(tree.left, " "), fmt::join(tree.right, " "),
      fmt::join(tree.leaf_value, " "), fmt::join(tree.leaf_count, " "),
      fmt::join(tree.internal_count, " "));
}

void check_names(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (name.empty() || name.find_first_of("\",:[]{}\r\n") != std::string::npos ||
        !seen.insert(name).second) {
      throw Error(Code::bad_parameter,
                  fmt::format("\"{}\" cannot be the name of a LightGBM feature: it is empty, comes "
                              "twice, or holds one of \" , : [ ] {{ }} or a line end",
                              name));
    }
  }
  if (names.empty()) throw Error(Code::bad_parameter, "a LightGBM model needs a feature");
}

}  // namespace

std::string random_fusion_text(std::vector<std::string> feature_names, uint64_t seed) {
  for (auto& name : feature_names) name = lightgbm_spelling(std::move(name));
  check_names(feature_names);
  Random random(seed);
  std::vector<std::string> blocks;
  std::vector<std::size_t> sizes;
  for (int i = 0; i < kTrees; ++i) {
    blocks.push_back(block(grow(static_cast<int>(feature_names.size()), random), i));
    sizes.push_back(blocks.back().size());
  }
  const std::vector<std::string> infos(feature_names.size(), "[0:1]");
  return fmt::format(
      "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
      "max_feature_idx={}\nobjective=binary sigmoid:1\nfeature_names={}\nfeature_infos={}\n"
      "tree_sizes={}\n\n{}end of trees\n\nparameters:\n[boosting: gbdt]\n[objective: binary]\n"
      "[linear_tree: 0]\n\nend of parameters\n",
      feature_names.size() - 1, fmt::join(feature_names, " "), fmt::join(infos, " "),
      fmt::join(sizes, " "), fmt::join(blocks, ""));
}

}  // namespace ctclip
