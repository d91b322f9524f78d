#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fusion/lightgbm_text.h"

namespace ctclip::lightgbm {

enum class Missing : uint8_t { none, zero, nan };

struct Node {
  double threshold = 0;     ///< of a numeric split
  int32_t feature = 0;      ///< column of the row
  int32_t left = 0;         ///< >= 0 a node, < 0 the leaf ~left
  int32_t right = 0;        ///< likewise
  int32_t categories = -1;  ///< index of the bit set of a categorical split, -1 for a numeric one
  Missing missing = Missing::none;
  bool default_left = false;  ///< where missing values go
};

/// The leaf that a negative child stands for.
inline std::size_t leaf_of(int32_t child) {
  const int32_t leaf = ~child;
  return static_cast<std::size_t>(leaf);
}

/// One tree, checked: every index is in range, every node and leaf is reached exactly once from
/// node 0. A tree of one leaf has no nodes.
class Tree {
 public:
  /// Throws Error{bad_model} by way of `fields`. `features` is the number of columns.
  Tree(const Fields& fields, std::size_t features);

  /// Index of the leaf that `row` falls into. `row` went through `flush_tiny`.
  int32_t leaf(std::span<const double> row) const;
  /// What the tree adds to the score.
  double output(std::span<const double> row) const;

  bool linear() const { return !leaf_const_.empty(); }
  /// Splits on the longest path from the root to a leaf.
  int depth() const { return depth_; }
  /// Whether every node and leaf has a count of training rows of at least 1 (or there is no node).
  bool has_counts() const { return has_counts_; }

  /// Mean of leaf values over the training rows. Needs has_counts().
  double expected_value() const;
  /// Adds each feature's SHAP value to `phi`. Needs has_counts().
  void add_shap(std::span<const double> row, std::span<double> phi) const;

 private:
  class Shap;
  void read_nodes(const Fields& fields, std::size_t features);
  void read_categories(const Fields& fields);
  void read_linear_leaves(const Fields& fields, std::size_t features);
  void read_counts(const Fields& fields);
  void walk(const Fields& fields);

  int32_t next(const Node& node, double value) const;
  bool has_category(int32_t set, double value) const;
  double count(int32_t node_or_leaf) const {
    return node_or_leaf < 0 ? leaf_count_[leaf_of(node_or_leaf)]
                            : internal_count_[static_cast<std::size_t>(node_or_leaf)];
  }

  std::vector<Node> nodes_;
  std::vector<double> leaf_value_;
  std::vector<int32_t> leaf_count_, internal_count_;
  std::vector<int32_t> category_begin_;  ///< words of set k: [begin[k], begin[k + 1])
  std::vector<uint32_t> category_words_;
  // Linear leaves: leaf_const + sum of leaf_coefficient * x over [begin[leaf], begin[leaf + 1]).
  std::vector<double> leaf_const_, leaf_coefficient_;
  std::vector<int32_t> leaf_feature_;
  std::vector<std::size_t> leaf_begin_;
  int depth_ = 0;
  bool has_counts_ = false;
};

/// The double value of the float 1e-35: what LightGBM takes for zero.
inline constexpr double kZeroThreshold = 1e-35F;

/// Values within kZeroThreshold become exactly 0, as LightGBM does before anything else.
void flush_tiny(std::span<double> row);

}  // namespace ctclip::lightgbm
