#include "fusion/lightgbm_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ctclip::lightgbm {
namespace {

// decision_type: bit 0 categorical, bit 1 default left, bits 2 and 3 the kind of missing values.
constexpr int kCategorical = 1;
constexpr int kDefaultLeft = 2;

Missing missing_of(int decision_type) {
  switch ((decision_type >> 2) & 3) {
    case 1:
      return Missing::zero;
    case 2:
      return Missing::nan;
    default:  // LightGBM never writes 3 and reads it as none
      return Missing::none;
  }
}

}  // namespace

Tree::Tree(const Fields& fields, std::size_t features) {
  const int32_t leaves = fields.integer("num_leaves", 1, std::numeric_limits<int32_t>::max());
  leaf_value_ = fields.reals("leaf_value", static_cast<std::size_t>(leaves));
  if (leaves > 1) {
    read_nodes(fields, features);
    read_categories(fields);
    walk(fields);
  }
  read_linear_leaves(fields, features);
  read_counts(fields);
}

void Tree::read_nodes(const Fields& fields, std::size_t features) {
  const std::size_t count = leaf_value_.size() - 1;
  const auto last = static_cast<int32_t>(count) - 1;
  const auto last_feature = static_cast<int32_t>(features) - 1;
  const auto feature = fields.integers("split_feature", count, 0, last_feature);
  const auto threshold = fields.reals("threshold", count);
  const auto left = fields.integers("left_child", count, -last - 2, last);
  const auto right = fields.integers("right_child", count, -last - 2, last);
  std::vector<int32_t> decision(count, 0);
  if (fields.contains("decision_type")) {
    decision = fields.integers("decision_type", count, 0, 15);
  }
  nodes_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    nodes_[i] = {.threshold = threshold[i],
                 .feature = feature[i],
                 .left = left[i],
                 .right = right[i],
                 .categories = (decision[i] & kCategorical) != 0 ? 0 : -1,
                 .missing = missing_of(decision[i]),
                 .default_left = (decision[i] & kDefaultLeft) != 0};
  }
}

void Tree::read_categories(const Fields& fields) {
  const int32_t sets = fields.contains("num_cat")
                           ? fields.integer("num_cat", 0, static_cast<int32_t>(nodes_.size()))
                           : 0;
  if (sets > 0) {
    category_begin_ = fields.integers("cat_boundaries", static_cast<std::size_t>(sets) + 1, 0);
    if (category_begin_.front() != 0 || !std::ranges::is_sorted(category_begin_)) {
      fields.refuse("cat_boundaries must begin with 0 and never go down");
    }
    category_words_ =
        fields.words("cat_threshold", static_cast<std::size_t>(category_begin_.back()));
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (node.categories < 0) continue;
    // The set's index is in the place of the threshold. Also refuses NaN.
    if (!(node.threshold >= 0 && node.threshold < sets)) {
      fields.refuse(fmt::format("node {} is categorical and its threshold {}, expected 0 to {}", i,
                                node.threshold, sets - 1));
    }
    node.categories = static_cast<int32_t>(node.threshold);
  }
}

void Tree::read_linear_leaves(const Fields& fields, std::size_t features) {
  if (!fields.contains("is_linear") || fields.integer("is_linear", 0, 1) == 0) return;
  const std::size_t leaves = leaf_value_.size();
  leaf_const_ = fields.reals("leaf_const", leaves);
  leaf_begin_.push_back(0);
  for (const int32_t count : fields.integers("num_features", leaves, 0)) {
    leaf_begin_.push_back(leaf_begin_.back() + static_cast<std::size_t>(count));
  }
  const auto last_feature = static_cast<int32_t>(features) - 1;
  leaf_feature_ = fields.integers("leaf_features", leaf_begin_.back(), 0, last_feature);
  leaf_coefficient_ = fields.reals("leaf_coeff", leaf_begin_.back());
}

void Tree::read_counts(const Fields& fields) {
  if (nodes_.empty()) {
    has_counts_ = true;
    return;
  }
  if (!fields.contains("leaf_count") || !fields.contains("internal_count")) return;
  leaf_count_ = fields.integers("leaf_count", leaf_value_.size());
  internal_count_ = fields.integers("internal_count", nodes_.size());
  const auto positive = [](int32_t count) { return count > 0; };
  has_counts_ =
      std::ranges::all_of(leaf_count_, positive) && std::ranges::all_of(internal_count_, positive);
}

/// Refuses loops, shared children and what the root does not lead to; finds the depth.
void Tree::walk(const Fields& fields) {
  std::vector<bool> node_seen(nodes_.size()), leaf_seen(leaf_value_.size());
  std::vector<std::pair<int32_t, int>> open = {{0, 0}};
  std::size_t reached = 0;
  while (!open.empty()) {
    const auto [at, depth] = open.back();
    open.pop_back();
    auto&& seen = at < 0 ? leaf_seen[leaf_of(at)] : node_seen[static_cast<std::size_t>(at)];
    if (seen) {
      fields.refuse(
          fmt::format("{} {} is reached twice", at < 0 ? "leaf" : "node", at < 0 ? ~at : at));
    }
    seen = true;
    ++reached;
    depth_ = std::max(depth_, depth);
    if (at < 0) continue;
    const Node& node = nodes_[static_cast<std::size_t>(at)];
    open.emplace_back(node.left, depth + 1);
    open.emplace_back(node.right, depth + 1);
  }
  if (reached != nodes_.size() + leaf_value_.size()) {
    fields.refuse(fmt::format("{} of {} nodes and leaves are reached from the root", reached,
                              nodes_.size() + leaf_value_.size()));
  }
}

}  // namespace ctclip::lightgbm
