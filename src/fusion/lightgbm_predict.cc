#include <algorithm>
#include <cmath>

#include "fusion/lightgbm_tree.h"

namespace ctclip::lightgbm {

void flush_tiny(std::span<double> row) {
  for (double& value : row) {
    if (std::abs(value) <= kZeroThreshold) value = 0;
  }
}

bool Tree::has_category(int32_t set, double value) const {
  // A category is the value truncated towards zero; NaN and what no int32 holds is in no set.
  if (!(value > -1 && value < 2147483648.0)) return false;
  const auto category = static_cast<uint32_t>(static_cast<int32_t>(value));
  const auto k = static_cast<std::size_t>(set);
  const auto words = static_cast<uint32_t>(category_begin_[k + 1] - category_begin_[k]);
  if (category / 32 >= words) return false;
  const auto first = static_cast<std::size_t>(category_begin_[k]);
  return ((category_words_[first + category / 32] >> (category % 32)) & 1U) != 0;
}

int32_t Tree::next(const Node& node, double value) const {
  if (node.categories >= 0) return has_category(node.categories, value) ? node.left : node.right;
  if (node.missing != Missing::nan && std::isnan(value)) value = 0;
  const bool missing = (node.missing == Missing::zero && std::abs(value) <= kZeroThreshold) ||
                       (node.missing == Missing::nan && std::isnan(value));
  const bool left = missing ? node.default_left : value <= node.threshold;
  return left ? node.left : node.right;
}

int32_t Tree::leaf(std::span<const double> row) const {
  if (nodes_.empty()) return 0;
  int32_t at = 0;
  while (at >= 0) {
    const Node& node = nodes_[static_cast<std::size_t>(at)];
    at = next(node, row[static_cast<std::size_t>(node.feature)]);
  }
  return ~at;
}

double Tree::output(std::span<const double> row) const {
  const auto index = static_cast<std::size_t>(leaf(row));
  if (!linear()) return leaf_value_[index];
  double sum = leaf_const_[index];
  for (std::size_t i = leaf_begin_[index]; i < leaf_begin_[index + 1]; ++i) {
    const double value = row[static_cast<std::size_t>(leaf_feature_[i])];
    if (std::isnan(value)) return leaf_value_[index];
    sum += leaf_coefficient_[i] * value;
  }
  return sum;
}

}  // namespace ctclip::lightgbm
